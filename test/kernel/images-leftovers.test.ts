import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildImage } from '../../src/image/built-image.fixture.ts';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import type { Digest } from '../../src/model/digest.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { tarArchive } from '../support/tar-writer.ts';

let host: ImageHost;
let registry: FakeRegistry;

beforeAll(async () => {
  host = await imageHost();
  registry = await FakeRegistry.start();
  registry.push('app', '1', buildImage([tarArchive([{ name: 'file', data: 'x' }])]));
});

afterAll(async () => {
  await host.dispose();
  await registry.stop();
});

test('a prune takes the tree of a layer that no image has, and counts what it took on disk', async () => {
  const images = host.open();
  await images.pull(`${registry.host}/app:1`);
  const chainId = `sha256:${'e'.repeat(64)}` as Digest;
  const tree = images.layerDirectory(chainId);
  mkdirSync(join(tree, 'below'), { recursive: true });
  writeFileSync(join(tree, 'below/large'), Buffer.alloc(1 << 20, 'x'));
  const policy = { all: false, excluded: [], labels: [], withoutLabels: [], dryRun: false };
  const removal = { inUse: () => new Set<Digest>(), remove: () => Promise.reject(new Error('no image goes')) };
  const pruned = await images.upkeep.prune(policy, removal);
  expect(pruned).toMatchObject({ deleted: [], leftovers: [chainId] });
  expect(pruned.reclaimedBytes).toBeGreaterThanOrEqual(1 << 20);
  expect(pruned.reclaimedBytes).toBeLessThan(2 << 20);
  expect(existsSync(tree)).toBe(false);
});
