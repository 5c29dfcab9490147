import { expect, test } from 'vitest';
import { simulate } from './simulation.ts';

/** As many as take a few seconds; `ISOPOD_SEED=n` replays one, `ISOPOD_SEEDS=n` tries that many others. */
const SEEDS = 400;

/** Of the driver `systemd`, whose scopes end with whoever holds them. */
const SCOPED_SEEDS = 150;

/** Seeds that once found a fault; they may lead elsewhere when the order of effects has changed. */
const ONCE_FAILED = [
  // A launch that was cancelled while an isolator prepared: what it made after that stayed.
  17952226081309,
];

test.each(ONCE_FAILED)('seed %d, which once failed, does not', (seed) => simulate(seed));

test('whatever is killed at whatever moment, callers were told the truth and nothing is left', async () => {
  const one = process.env.ISOPOD_SEED;
  const driver = process.env.ISOPOD_DRIVER === 'systemd' ? 'systemd' : 'cgroupfs';
  if (one !== undefined) return simulate(Number(one), { driver });
  const count = Number(process.env.ISOPOD_SEEDS ?? SEEDS);
  const first = process.env.ISOPOD_SEEDS === undefined ? 1 : Math.floor(Date.now() / 1000) * 10_000;
  for (let seed = first; seed < first + count; seed++) await simulate(seed);
  expect(count).toBeGreaterThan(0);
}, 600_000);

test('so it is where containers are in scopes of systemd, which end when nothing is in them', async () => {
  for (let seed = 1; seed <= SCOPED_SEEDS; seed++) await simulate(seed, { driver: 'systemd' });
  expect(SCOPED_SEEDS).toBeGreaterThan(0);
}, 600_000);
