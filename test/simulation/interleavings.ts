import { simulate } from './simulation.ts';

/** As many as `npm run check` plays, in two halves that run side by side. */
const SEEDS = 10_000;
const HALVES = 2;
/** Far from those of the long runs. */
const FIRST_SEED = 1_000_000;

/**
 * Plays every second of the short runs; one in eight has its containers in scopes of systemd.
 *
 * @returns how many it played
 */
export async function playHalf(half: 0 | 1): Promise<number> {
  let played = 0;
  for (let index = half; index < SEEDS; index += HALVES) {
    const driver = index % 16 < HALVES ? 'systemd' : 'cgroupfs';
    await simulate(FIRST_SEED + index, { extent: 'short', driver });
    played += 1;
  }
  return played;
}
