import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { EngineError } from '../../model/error.ts';
import { buildImage } from '../built-image.fixture.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import type { FakeRegistry } from '../fake-registry.fixture.ts';
import { StoreFixture } from '../store.fixture.ts';
import { HARMFUL, HARMLESS, Misbehaving, type Mischief } from './misbehaving.fixture.ts';

const tar = (name: string, bytes: number) => writeTar([{ path: name, mode: 0o644, content: randomBytes(bytes) }]);
const IMAGE = buildImage([tar('small', 1000), tar('middle', 90_000), tar('large', 300_000)]);
const WHOLE_BYTES = [IMAGE.config, ...IMAGE.layers].reduce((sum, { bytes }) => sum + bytes.length, 0);

/** Every tree that the store has is one of the image's, byte for byte. */
async function expectRightTrees(store: StoreFixture): Promise<void> {
  const images = store.open();
  for (const image of await images.list()) {
    expect(image.id).toBe(IMAGE.config.digest);
    expect(image.chainIds).toHaveLength(IMAGE.layers.length);
    for (const [index, chainId] of image.chainIds.entries()) {
      const digest = await readFile(join(images.layerDirectory(chainId), 'digest'), 'utf8');
      expect(digest).toBe(IMAGE.layers[index]?.diffId);
    }
  }
}

async function pullFrom(store: StoreFixture, registry: FakeRegistry): Promise<'done' | EngineError> {
  try {
    await store.open({}, { maxRetryDelayMs: 20, stallMs: 20_000 }).pull(`${registry.host}/app:1`);
    return 'done';
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return error;
  }
}

/**
 * Pulls an image from a registry that misbehaves as a seed decides, even seeds only in ways that a client can mend, and then once more
 * from it when it behaves. Checks that each pull ends well or in one error, that no tree is wrong, and that nothing is left over.
 *
 * @returns what the registry did
 */
export async function seededPull(registry: FakeRegistry, seed: number): Promise<readonly Mischief[]> {
  registry.push('app', '1', IMAGE);
  const isHarmless = seed % 2 === 0;
  const kinds = isHarmless ? HARMLESS : [...HARMLESS, ...HARMFUL, ...HARMFUL];
  const store = new StoreFixture();
  const misbehaving = await Misbehaving.start(registry, { seed, kinds });
  registry.servedBytes = 0;
  try {
    const end = await pullFrom(store, registry);
    const told = `seed ${seed}: ${misbehaving.done.join(', ')}: ${end}`;
    if (isHarmless) {
      expect(end, told).toBe('done');
      // Whoever ignores ranges sends the beginning again; whoever does not, never.
      const repeats = misbehaving.done.filter((kind) => kind === 'no ranges').length;
      // What was on its way when a connection broke is sent again, too.
      const breaks = misbehaving.done.filter((kind) => kind === 'break').length;
      const allowed = (1 + repeats) * WHOLE_BYTES + (1 + breaks) * 64 * 1024;
      expect(registry.servedBytes, told).toBeLessThanOrEqual(allowed);
    } else if (end !== 'done') {
      expect(['data-loss', 'unavailable', 'permission-denied'], told).toContain(end.kind);
      expect(end.message).not.toBe('');
    }
    expect(await store.open().list()).toHaveLength(end === 'done' ? 1 : 0);
    expect(store.openWorkers, told).toBe(0);
    await expectRightTrees(store);
    await misbehaving.stop();
    expect(await pullFrom(store, registry), `${told}; then again`).toBe('done');
    await expectRightTrees(store);
    const left = (await store.files()).filter((path) => path.includes('ingest/') || path.includes('tmp-'));
    expect(left, told).toEqual([]);
    return misbehaving.done;
  } finally {
    await misbehaving.stop();
    store.remove();
  }
}
