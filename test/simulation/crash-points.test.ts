import { describe, expect, test } from 'vitest';
import { crashEverywhere, crashTwice } from './crash-points.ts';
import { CRASH_SCENARIOS } from './crash-scenarios.ts';

/** `npm run test:crash` sets it: power cuts, the other driver, more orders of events, and every second crash of a pair. */
const isThorough = process.env.ISOPOD_CRASHES === 'all';
const SEEDS = isThorough ? [1, 2, 3] : [1];
/** Steps between two second crashes of a pair; no divisor of what steps come in. */
const STRIDE = isThorough ? 3 : 17;
/** Pairs of its many steps take long; the recovery from it has a test of its own. */
const MUCH = 'much at once';
const TIMEOUT_MS = 900_000;

describe('an engine that is ended', () => {
  test.each(Object.entries(CRASH_SCENARIOS))(
    'after any step of %s leaves nothing that the next does not put right',
    async (name, scenario) => {
      for (const seed of SEEDS) {
        const { runs, effects } = await crashEverywhere(name, scenario, { seed });
        expect(runs).toBeGreaterThan(effects); // every effect is a step
      }
    },
    TIMEOUT_MS,
  );

  test.each(Object.entries(CRASH_SCENARIOS).filter(([name]) => isThorough || name !== MUCH))(
    'in %s, and whose successor is ended while it recovers, leaves the third all it needs',
    async (name, scenario) => {
      for (const seed of SEEDS) {
        const { runs } = await crashTwice(name, scenario, { seed, stride: STRIDE });
        expect(runs).toBeGreaterThan(0);
      }
    },
    TIMEOUT_MS,
  );

  test(
    'while it recovers much at once, after any step, leaves the next all it needs',
    async () => {
      const scenario = CRASH_SCENARIOS[MUCH];
      if (scenario === undefined) throw new Error('there is no such scenario');
      for (const seed of SEEDS) {
        const { runs } = await crashTwice(MUCH, scenario, { seed, stride: 1, firsts: [40] });
        expect(runs).toBeGreaterThan(40);
      }
    },
    TIMEOUT_MS,
  );

  test.each(isThorough ? Object.entries(CRASH_SCENARIOS) : [])(
    'with its host after any step of %s leaves what was synced',
    async (name, scenario) => {
      for (const seed of SEEDS) await crashEverywhere(name, scenario, { seed, kind: 'power cut' });
    },
    TIMEOUT_MS,
  );

  test.each(isThorough ? Object.entries(CRASH_SCENARIOS) : [])(
    'in scopes of systemd after any step of %s leaves nothing either',
    async (name, scenario) => {
      for (const seed of SEEDS) await crashEverywhere(name, scenario, { seed, driver: 'systemd' });
    },
    TIMEOUT_MS,
  );
});
