import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeRegistry } from '../fake-registry.fixture.ts';
import { seededPull } from './seeded-pull.fixture.ts';

/** A few; test/kernel/misbehaving-registry.test.ts has the rest. */
const SEEDS = 24;

let registry: FakeRegistry;
beforeAll(async () => {
  registry = await FakeRegistry.start();
});
afterAll(() => registry.stop());

test.each([...Array(SEEDS).keys()].map((index) => index + 1))(
  'the pull of seed %d from a registry that misbehaves ends well or in one clear error, with no wrong tree and no leak',
  async (seed) => {
    await expect(seededPull(registry, seed)).resolves.toBeDefined();
  },
);
