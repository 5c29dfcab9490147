import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buildImage } from '../../src/image/built-image.fixture.ts';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import type { Images } from '../../src/image/images.ts';
import type { Image } from '../../src/model/image-config.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { tarArchive } from '../support/tar-writer.ts';

const PROGRAM = join(import.meta.dirname, '../support/pull-program.ts');

let host: ImageHost;
let registry: FakeRegistry;

/** Six layers of small files and one large one each; enough work to be killed in the midst of it. */
const FILES = 80;
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
  const started = performance.now();
  const whole = await images.pull(reference());
  const usualMs = performance.now() - started;
  expectWhole(images, whole);
  let cancelled = 0;
  for (let round = 0; round < 12; round++) {
    await images.remove(reference(), new Set());
    const outcome = await images
      .pull(reference(), { signal: AbortSignal.timeout(Math.ceil(usualMs * Math.random())) })
      .catch((error) => error);
    expect(host.unfinished()).toEqual([]);
    if (outcome instanceof Error) {
      cancelled++;
      expect(outcome).toMatchObject({ kind: 'cancelled' });
      expect(await images.find(reference())).toBeUndefined();
    }
    expectWhole(images, await images.pull(reference()));
  }
  expect(cancelled).toBeGreaterThan(0);
});

test('a process that is killed while it pulls leaves nothing half-valid', async () => {
  const usualMs = await pullUntil(undefined);
  let killed = 0;
  for (let round = 0; round < 8; round++) {
    host.empty();
    await pullUntil(usualMs * Math.random());
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
