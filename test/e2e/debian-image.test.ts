import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Image } from '../../src/model/image-config.ts';
import { DEBIAN_IMAGE_PROGRAMS, type DebianImage, debianCache, debianImage } from '../support/debian-image.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { missingPrograms, type RegistryProgram, startRegistry } from '../support/registry.ts';
import { describeTree } from '../support/tree.ts';
import { Installation } from './support/installation.ts';

const missing = missingPrograms([...DEBIAN_IMAGE_PROGRAMS, 'skopeo', 'docker-registry']);
const lacks = missing.length > 0 ? ` (lacks ${missing.join(', ')})` : '';

describe.skipIf(missing.length > 0)(`a real Debian image${lacks}`, () => {
  const cache = debianCache();
  let debian: DebianImage;
  let registry: RegistryProgram;

  beforeAll(async () => {
    debian = debianImage(cache.directory);
    registry = await startRegistry();
    for (const [format, tag] of [
      ['oci', '12'],
      ['v2s2', '12-docker'],
    ] as const) {
      const target = `docker://${registry.host}/debian:${tag}`;
      const source = `oci:${debian.layout}:${debian.tag}`;
      execFileSync('skopeo', ['copy', '--quiet', '--format', format, '--dest-tls-verify=false', source, target]);
    }
  }, 600_000);

  afterAll(async () => {
    await registry?.stop();
    cache.dispose();
  });

  describe('is pulled', () => {
    let host: ImageHost;
    beforeAll(async () => {
      host = await imageHost();
    });
    afterAll(() => host?.dispose());

    /** Compares our tree of a single-layer image with the one that umoci made. */
    function expectSameTree(image: Image): void {
      expect(image.chainIds).toHaveLength(1);
      const ours = describeTree(host.open().layerDirectory(image.chainIds[0] ?? image.id));
      const theirs = describeTree(debian.unpacked);
      expect(Object.keys(theirs).length).toBeGreaterThan(3000);
      expect(ours).toEqual(theirs);
    }

    test('from a registry, and its tree equals the one that umoci unpacks', async () => {
      const image = await host.open().pull(`${registry.host}/debian:12`);
      expect(image.config).toMatchObject({ cmd: ['/bin/bash'], env: [expect.stringMatching(/^PATH=/)] });
      expectSameTree(image);
    }, 120_000);

    test('as Docker schema 2, and shares the layer', async () => {
      const layers: string[] = [];
      await host.open().pull(`${registry.host}/debian:12-docker`, {
        onProgress: (event) => {
          if (event.kind === 'layer') layers.push(event.state);
        },
      });
      expect(layers).toEqual(['exists']);
    }, 120_000);

    test.each(['oci', 'oci-archive'])(
      'from an %s layout, and its tree is the same',
      async (kind) => {
        host.empty();
        const source = `oci:${debian.layout}:${debian.tag}`;
        const path = kind === 'oci' ? debian.layout : join(host.directory, 'image.tar');
        if (kind === 'oci-archive') {
          execFileSync('skopeo', ['copy', '--quiet', source, `oci-archive:${path}:${debian.tag}`]);
        }
        expectSameTree(await host.open().pull(`${kind}:${path}:${debian.tag}`));
        if (kind === 'oci-archive') rmSync(path);
      },
      120_000,
    );
  });

  describe('is run', () => {
    let isopod: Installation;
    let image: string;
    beforeAll(() => {
      isopod = new Installation();
      image = `${registry.host}/debian:12`;
    });
    afterAll(() => isopod?.close());

    // python3-minimal has neither json nor socket.
    const LOOK = `
import os
print('pids', sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))
print('hostname', os.uname().nodename)
print('limit', open('/sys/fs/cgroup/memory/memory.limit_in_bytes').read().strip())
print('debian', open('/etc/debian_version').read().split('.')[0])
print('interfaces', [line.split(':')[0].strip() for line in open('/proc/net/dev') if ':' in line])
`;

    test('and python3 in it sees its own limit, pids, hostname and loopback', async () => {
      const words = ['run', '--rm', '--hostname', 'box', '-m', '64m', image, 'python3', '-c', LOOK];
      const { code, stdout, stderr } = await isopod.run(words);
      expect(stderr).toContain(`pulling ${image}`);
      expect({ code, stdout }).toEqual({
        code: 0,
        stdout: `pids [1]\nhostname box\nlimit ${64 << 20}\ndebian 12\ninterfaces ['lo']\n`,
      });
    }, 120_000);

    test('and going beyond 64 MB ends it, with a reason that says so', async () => {
      const greedy = ['python3', '-c', 'x = b"x" * (200 << 20)'];
      const { code, stderr } = await isopod.run(['run', '--name', 'greedy', '-m', '64m', image, ...greedy]);
      expect(code).toBe(137);
      expect(stderr).toMatch(/memory limit of 64 MiB/);
      await isopod.expect(['rm', 'greedy']);
    }, 60_000);

    test.each([
      ['an unknown tag', (host: string) => `${host}/debian:13`, 'debian:13 was not found in registry'],
      ['an unknown repository', (host: string) => `${host}/no/such:1`, 'no/such:1 was not found in registry'],
      ['a registry that is down', () => '127.0.0.1:1/x', 'cannot reach registry 127.0.0.1:1: connection refused'],
      ['a malformed name', () => 'Debian:12', '"Debian" must be lower case'],
      ['a digest that nobody has', (host: string) => `${host}/debian@sha256:${'0'.repeat(64)}`, 'was not found'],
      ['a layout that is not there', () => 'oci:/nonexistent:12', 'there is no image layout at /nonexistent'],
    ])('but %s is refused with 125, by name, and leaves no container', async (_what, reference, message) => {
      const { code, stdout, stderr } = await isopod.run(['run', '--rm', reference(registry.host), 'true']);
      expect(stderr).toContain(message);
      expect({ code, stdout }).toEqual({ code: 125, stdout: '' });
      expect(await isopod.expect(['ps', '-aq'])).toBe('');
    });

    test('and is listed until it is removed', async () => {
      const listed = JSON.parse(await isopod.expect(['images', '--json']));
      expect(listed).toContainEqual(expect.objectContaining({ references: [image] }));
      expect(await isopod.expect(['rmi', image])).toMatch(/deleted sha256:/);
      expect((await isopod.run(['run', '--rm', '--pull', 'never', image, 'true'])).code).toBe(125);
    });
  });
});
