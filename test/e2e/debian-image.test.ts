import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Image } from '../../src/model/image-config.ts';
import { DEBIAN_IMAGE_PROGRAMS, type DebianImage, debianCache, debianImage } from '../support/debian-image.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { missingPrograms, type RegistryProgram, startRegistry } from '../support/registry.ts';
import { describeTree } from '../support/tree.ts';

const missing = missingPrograms([...DEBIAN_IMAGE_PROGRAMS, 'skopeo', 'docker-registry']);

describe.skipIf(missing.length > 0)(
  `a real Debian image${missing.length > 0 ? ` (lacks ${missing.join(', ')})` : ''}`,
  () => {
    const cache = debianCache();
    let debian: DebianImage;
    let host: ImageHost;
    let registry: RegistryProgram;

    beforeAll(async () => {
      debian = debianImage(cache.directory);
      host = await imageHost();
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
      await host?.dispose();
      cache.dispose();
    });

    /** Compares our tree of a single-layer image with the one that umoci made. */
    function expectSameTree(image: Image): void {
      expect(image.chainIds).toHaveLength(1);
      const ours = describeTree(host.open().layerDirectory(image.chainIds[0] ?? image.id));
      const theirs = describeTree(debian.unpacked);
      expect(Object.keys(theirs).length).toBeGreaterThan(3000);
      expect(ours).toEqual(theirs);
    }

    test('pulled from a registry, its tree equals the one that umoci unpacks', async () => {
      const image = await host.open().pull(`${registry.host}/debian:12`);
      expect(image.config).toMatchObject({ cmd: ['/bin/bash'], env: [expect.stringMatching(/^PATH=/)] });
      expectSameTree(image);
    }, 120_000);

    test('pulled as Docker schema 2 it shares the layer', async () => {
      const layers: string[] = [];
      const image = await host.open().pull(`${registry.host}/debian:12-docker`, {
        onProgress: (event) => {
          if (event.kind === 'layer') layers.push(event.state);
        },
      });
      expect(layers).toEqual(['exists']);
      expectSameTree(image);
    }, 120_000);

    test.each(['oci', 'oci-archive'])(
      'taken from an %s layout, its tree is the same',
      async (kind) => {
        host.empty();
        const source = `oci:${debian.layout}:${debian.tag}`;
        const path = kind === 'oci' ? debian.layout : join(host.directory, 'image.tar');
        if (kind === 'oci-archive')
          execFileSync('skopeo', ['copy', '--quiet', source, `oci-archive:${path}:${debian.tag}`]);
        expectSameTree(await host.open().pull(`${kind}:${path}:${debian.tag}`));
        if (kind === 'oci-archive') rmSync(path);
      },
      120_000,
    );
  },
);
