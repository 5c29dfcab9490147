import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildImage } from '../../src/image/built-image.fixture.ts';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import type { Images } from '../../src/image/images.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { spawnedOutput } from '../support/spawned-output.ts';
import { tarArchive } from '../support/tar-writer.ts';

const PROGRAM = join(import.meta.dirname, '../support/image-crash-program.ts');
/** Points of each operation that are tried; `ISOPOD_CRASH_POINTS=all` tries every one. */
const POINTS = process.env.ISOPOD_CRASH_POINTS === 'all' ? Number.POSITIVE_INFINITY : 8;
const SECONDS = 1000;

let host: ImageHost;
let registry: FakeRegistry;

const LAYERS = ['one', 'two', 'three'].map((name) =>
  tarArchive([
    { name: `${name}/file`, data: name },
    { name: `${name}/large`, data: randomBytes(200_000) },
  ]),
);
const BUILT = buildImage(LAYERS);

beforeAll(async () => {
  host = await imageHost();
  registry = await FakeRegistry.start();
  registry.push('app', '1', BUILT);
});

afterAll(async () => {
  await host.dispose();
  await registry.stop();
});

afterEach(() => host.empty());

function reference(): string {
  return `${registry.host}/app:1`;
}

/** @returns how many effects it made; `undefined` when it was ended before that */
async function run(operation: string, at: number): Promise<number | undefined> {
  const { stdout, signal, code } = await spawnedOutput(process.execPath, [
    ...[PROGRAM, host.root, host.socket, operation, reference(), `${at}`],
  ]);
  if (signal === null) expect(code).toBe(0);
  return signal === null ? Number(stdout) : undefined;
}

/** What a power cut leaves of files that nobody had synced: their ends are zeros, or missing. */
function loseWhatIsNotSynced(cut: number): void {
  const ingest = join(host.root, 'blobs/ingest');
  for (const name of existsSync(ingest) ? readdirSync(ingest) : []) {
    const path = join(ingest, name);
    const { size } = statSync(path);
    if (cut % 2 === 0) truncateSync(path, Math.floor(size / 2));
    else writeFileSync(path, Buffer.concat([readFileSync(path).subarray(0, size / 2), Buffer.alloc(size - size / 2)]));
  }
}

/** The store opens, nothing in it is wrong, and it goes on: the image can be pulled and is whole. */
async function expectGoesOn(images: Images): Promise<void> {
  await images.recover();
  expect(host.unfinished()).toEqual([]);
  const signal = new AbortController().signal;
  const verified = await images.upkeep.verify({ images: [], repair: false }, { inUse: () => new Set(), signal });
  expect(verified.flatMap(({ faults }) => faults)).toEqual([]);
  const image = await images.pull(reference());
  for (const [index, chainId] of image.chainIds.entries()) {
    const name = ['one', 'two', 'three'][index] ?? '';
    expect(readFileSync(join(images.layerDirectory(chainId), name, 'file'), 'utf8')).toBe(name);
  }
  for (const { digest, bytes } of BUILT.layers) {
    expect(readFileSync(join(host.root, 'blobs/sha256', digest.slice(7)))).toEqual(bytes);
  }
  await images.remove(reference(), () => new Set());
  const left = ['layers', 'blobs/sha256', 'blobs/ingest'].flatMap((name) => entries(join(host.root, name)));
  expect(left).toEqual([]);
}

function entries(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

const PREPARATIONS: Readonly<Record<string, () => Promise<void>>> = {
  pull: async () => {},
  remove: async () => {
    await host.open().pull(reference());
  },
  prune: async () => {
    await host.open().pull(reference());
  },
  repair: async () => {
    const images = host.open();
    const image = await images.pull(reference());
    writeFileSync(join(images.layerDirectory(image.chainIds[0] ?? image.id), 'one/file'), 'ONE');
  },
  recover: async () => {
    await host.open().pull(reference());
    mkdirSync(join(host.root, 'layers/tmp-0011/deep'), { recursive: true });
    writeFileSync(join(host.root, 'layers/tmp-0011/deep/file'), 'of a pull that was killed');
    writeFileSync(join(host.root, 'blobs/sha256', 'e'.repeat(64)), 'nobody names this');
  },
};

describe.each(Object.keys(PREPARATIONS))('a process that ends in the middle of %s', (operation) => {
  test('leaves a store that opens, verifies and goes on', { timeout: 600 * SECONDS, retry: 0 }, async () => {
    await PREPARATIONS[operation]?.();
    const total = await run(operation, Number.MAX_SAFE_INTEGER);
    expect(total).toBeGreaterThan(3);
    const count = Math.min(POINTS, total ?? 0);
    let ended = 0;
    for (let index = 0; index < count; index++) {
      host.empty();
      await PREPARATIONS[operation]?.();
      const at = 1 + Math.floor((index * (total ?? 0)) / count);
      if ((await run(operation, at)) === undefined) ended++;
      loseWhatIsNotSynced(index);
      const images = host.open();
      // A tree that was damaged and not repaired in time is told, and mended by whoever is asked to.
      if (operation === 'repair') {
        const signal = new AbortController().signal;
        await images.recover();
        await images.upkeep.verify({ images: [], repair: true }, { inUse: () => new Set(), signal });
      }
      await expectGoesOn(images);
    }
    expect(ended).toBeGreaterThan(count / 2);
  });
});
