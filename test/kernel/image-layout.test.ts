import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildImage } from '../../src/image/built-image.fixture.ts';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { tarArchive } from '../support/tar-writer.ts';

const hasSkopeo = spawnSync('skopeo', ['--version']).status === 0;

describe.skipIf(!hasSkopeo)('the store as an OCI layout, read by skopeo', () => {
  let host: ImageHost;
  let registry: FakeRegistry;

  beforeAll(async () => {
    host = await imageHost();
    registry = await FakeRegistry.start();
  });

  afterAll(async () => {
    await host.dispose();
    await registry.stop();
  });

  afterEach(() => host.empty());

  test('an image is inspected by its name', async () => {
    const built = buildImage([
      tarArchive([{ name: 'file', data: 'one' }]),
      tarArchive([{ name: 'file', data: 'two' }]),
    ]);
    registry.push('app/part', '1.0', built);
    const images = host.open();
    const reference = `${registry.host}/app/part:1.0`;
    await images.pull(reference);
    await images.tag(reference, 'mine');
    for (const name of [reference, 'docker.io/library/mine:latest']) {
      const shown = JSON.parse(execFileSync('skopeo', ['inspect', `oci:${host.root}:${name}`], { encoding: 'utf8' }));
      expect(shown).toMatchObject({
        Digest: built.manifest.digest,
        Layers: built.layers.map(({ digest }) => digest),
        Os: 'linux',
      });
    }
  });

  test('an image of a Docker manifest is inspected and copied as an OCI image, and pushed as what came', async () => {
    const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';
    const built = buildImage([tarArchive([{ name: 'file', data: 'one' }])], { manifestType });
    registry.push('docker', '1', built);
    const images = host.open();
    const reference = `${registry.host}/docker:1`;
    await images.pull(reference);
    const words = ['inspect', '--raw', `oci:${host.root}:${reference}`];
    const shown = JSON.parse(execFileSync('skopeo', words, { encoding: 'utf8' }));
    expect(shown).toMatchObject({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { digest: built.config.digest },
      layers: built.layers.map(({ digest }) => ({ digest })),
    });
    const source = await images.source(reference);
    expect((await source.root(new AbortController().signal)).bytes).toEqual(built.manifest.bytes);
    const faultsOf = async () => {
      const context = { inUse: () => new Set<never>(), signal: new AbortController().signal };
      return (await images.upkeep.verify({ images: [], repair: false }, context)).flatMap(({ faults }) => faults);
    };
    expect(await faultsOf()).toEqual([]);
    await images.recover();
    const [entry] = JSON.parse(readFileSync(join(host.root, 'index.json'), 'utf8')).manifests;
    writeFileSync(join(host.root, 'blobs/sha256', entry.digest.slice('sha256:'.length)), '{}');
    expect(await faultsOf()).toMatchObject([{ part: 'manifest', digest: entry.digest, state: 'damaged' }]);
  });

  test('an image is copied out of it with the same digests', async () => {
    const built = buildImage([tarArchive([{ name: 'file', data: 'one' }])]);
    registry.push('app', '1', built);
    const reference = `${registry.host}/app:1`;
    await host.open().pull(reference);
    const copy = mkdtempSync(join(tmpdir(), 'isopod-layout-copy-'));
    try {
      const quiet = ['--insecure-policy', 'copy', '--preserve-digests', '--quiet'];
      execFileSync('skopeo', [...quiet, `oci:${host.root}:${reference}`, `oci:${copy}:copied`]);
      const index = JSON.parse(readFileSync(join(copy, 'index.json'), 'utf8'));
      expect(index.manifests[0].digest).toBe(built.manifest.digest);
    } finally {
      rmSync(copy, { recursive: true });
    }
  });

  test('an image that was removed is not in it any more', async () => {
    registry.push('app', '1', buildImage([tarArchive([{ name: 'file', data: 'one' }])]));
    const reference = `${registry.host}/app:1`;
    const images = host.open();
    await images.pull(reference);
    await images.remove(reference, () => new Set());
    expect(JSON.parse(readFileSync(join(host.root, 'index.json'), 'utf8')).manifests).toEqual([]);
  });
});
