import { afterAll, beforeAll, expect, test } from 'vitest';
import { OPERATIONS } from '../crash/operations.ts';
import { CrashHost, RECOVERY } from '../crash/points.ts';

/** Parts of the way at which the engine is ended; `npm run test:crash` ends it at every effect. */
const SAMPLES: readonly (readonly [operation: string, parts: readonly number[]])[] = [
  ['launch', [0.3, 0.7, 1]],
  ['nested launch', [0.8]],
  ['session', [0.5, 1]],
  ['update', [0.4, 0.8]],
  ['destroy', [0.3, 0.8]],
  [RECOVERY, [0.5, 0.9]],
];

let host: CrashHost;
beforeAll(async () => {
  host = await CrashHost.make();
});
afterAll(() => host.close());

test.each(SAMPLES)(
  'an engine that is ended in the middle of %s leaves nothing lost, leaked or untrue',
  async (operation, parts) => {
    const effects = await host.effectsOf(operation);
    for (const part of parts) await host.crashBefore(operation, Math.max(1, Math.floor(effects.length * part)));
    expect(effects.length).toBeGreaterThan(parts.length);
  },
);

test('the operations that are ended in the middle are those that change something', () => {
  for (const [operation] of SAMPLES) expect([...Object.keys(OPERATIONS), RECOVERY]).toContain(operation);
});
