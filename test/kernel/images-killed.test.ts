import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buildImage } from '../../src/image/built-image.fixture.ts';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import type { Images } from '../../src/image/images.ts';
import { MemorySource } from '../../src/image/store/memory-source.fixture.ts';
import type { Image } from '../../src/model/image-config.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { tarArchive } from '../support/tar-writer.ts';

const PROGRAM = join(import.meta.dirname, '../support/pull-program.ts');

let host: ImageHost;
let registry: FakeRegistry;

/** Six layers of small files and one large one each; enough work to be killed in the midst of it. */
const FILES = 80;
const ROUNDS = 10;
/** Each round starts a process, which takes seconds on a host under load. */
const PATIENCE = { timeout: 600_000 };
const LAYERS = Array.from({ length: 6 }, (_, layer) =>
  tarArchive([
    ...Array.from({ length: FILES }, (_, index) => ({ name: `d${layer}/f${index}`, data: `${layer} ${index}` })),
    { name: `d${layer}/large`, data: randomBytes(400_000) },
  ]),
);
const BUILT = buildImage(LAYERS);

beforeAll(async () => {
  host = await imageHost();
  registry = await FakeRegistry.start();
  registry.push('large', '1', BUILT);
});

afterAll(async () => {
  await host.dispose();
  await registry.stop();
});

afterEach(() => host.empty());

function reference(): string {
  return `${registry.host}/large:1`;
}

/** Every layer that bears its name must be whole, whether or not an image names it. */
function expectWhole(images: Images, image: Image): void {
  for (const [layer, chainId] of image.chainIds.entries()) {
    const directory = join(images.layerDirectory(chainId), `d${layer}`);
    expect(readdirSync(directory)).toHaveLength(FILES + 1);
    expect(readFileSync(join(directory, `f${FILES - 1}`), 'utf8')).toBe(`${layer} ${FILES - 1}`);
  }
}

test('a pull that is aborted at any moment leaves nothing, and the next one succeeds', async () => {
  const images = host.open();
  let usualMs = await pullWhole(images);
  let cancelled = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await images.remove(reference(), () => new Set());
    const outcome = await images
      .pull(reference(), { signal: AbortSignal.timeout(Math.ceil(momentOf(round, usualMs))) })
      .catch((error) => error);
    expect(host.unfinished()).toEqual([]);
    if (outcome instanceof Error) {
      cancelled++;
      expect(outcome).toMatchObject({ kind: 'cancelled' });
      expect(await images.find(reference())).toBeUndefined();
      usualMs = await pullWhole(images);
    }
    expectWhole(images, await images.pull(reference()));
  }
  expect(cancelled).toBeGreaterThan(0);
});

test('after a kill the next pull fetches no byte that is here already', PATIENCE, async () => {
  const total = BUILT.layers.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const usualMs = await pullUntil(undefined);
  let resumed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    host.empty();
    await pullUntil(momentOf(round, usualMs));
    const images = host.open();
    await images.recover();
    if ((await images.find(reference())) !== undefined) continue;
    const here = bytesHere();
    if (here > 0) resumed++;
    const source = new MemorySource(BUILT);
    const image = await images.fetch(() => source.open(), ['app']);
    expect([...source.sent.values()].reduce((sum, bytes) => sum + bytes, 0)).toBe(total - here);
    expectWhole(images, image);
  }
  expect(resumed).toBeGreaterThan(0);
});

test('a process that is killed while it pulls leaves nothing half-valid', PATIENCE, async () => {
  const usualMs = await pullUntil(undefined);
  let killed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    host.empty();
    await pullUntil(momentOf(round, usualMs));
    const images = host.open();
    await images.recover();
    expect(host.unfinished()).toEqual([]);
    const found = await images.find(reference());
    if (found === undefined) killed++;
    else expectWhole(images, found);
    const kept = new Set(found?.chainIds.map((chainId) => images.layerDirectory(chainId)));
    const layers = existsSync(join(host.root, 'layers')) ? readdirSync(join(host.root, 'layers')) : [];
    if (found !== undefined) expect(new Set(layers.map((name) => join(host.root, 'layers', name)))).toEqual(kept);
    expectWhole(images, await images.pull(reference()));
  }
  expect(killed).toBeGreaterThan(0);
});

/** Of layers that have come in part, and of those that were taken in and that no image names yet. */
function bytesHere(): number {
  const layers = BUILT.layers.map(({ digest }) => digest.slice('sha256:'.length));
  const paths = layers.flatMap((name) => [
    join(host.root, 'blobs/ingest', name),
    join(host.root, 'blobs/sha256', name),
  ]);
  return paths.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Random moments that spread over the whole of a pull, the first ones early enough to hit it on any machine. */
function momentOf(round: number, usualMs: number): number {
  return (usualMs * (round + Math.random())) / ROUNDS;
}

/** @returns how long it took, in milliseconds */
async function pullWhole(images: Images): Promise<number> {
  const started = performance.now();
  expectWhole(images, await images.pull(reference()));
  return performance.now() - started;
}

/** Pulls in a process of its own and kills it so long after it began to pull; without a time waits for its end. */
async function pullUntil(killAfterMs: number | undefined): Promise<number> {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, host.root, host.socket, reference()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await once(child.stdout ?? child, 'data');
  const started = performance.now();
  if (killAfterMs !== undefined) {
    await Promise.race([sleep(killAfterMs), ended]);
    child.kill('SIGKILL');
  }
  await ended;
  return performance.now() - started;
}
