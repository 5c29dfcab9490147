import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import { HARMFUL, HARMLESS } from '../../src/image/registry/misbehaving.fixture.ts';
import { seededPull } from '../../src/image/registry/seeded-pull.fixture.ts';

/** Those that src/image/registry/misbehaving.test.ts has not tried. */
const SEEDS = [...Array(200).keys()].map((index) => index + 25);
const BATCH = 25;
/** It needs a transfer that was broken off before, which few seeds bring: registry-source.test.ts has it. */
const RARE = ['wrong range'];

let registry: FakeRegistry;
const seen = new Set<string>();
beforeAll(async () => {
  registry = await FakeRegistry.start();
});
afterAll(() => registry.stop());

test.each([...Array(SEEDS.length / BATCH).keys()])(
  'pulls from a registry that misbehaves end well or in one clear error, batch %d',
  { timeout: 300_000 },
  async (batch) => {
    for (const seed of SEEDS.slice(batch * BATCH, (batch + 1) * BATCH)) {
      for (const kind of await seededPull(registry, seed)) seen.add(kind);
    }
    expect(seen.size).toBeGreaterThan(0);
  },
);

test('the seeds have brought every way to misbehave', () => {
  expect([...HARMLESS, ...HARMFUL].filter((kind) => !seen.has(kind) && !RARE.includes(kind))).toEqual([]);
});
