import { afterAll, beforeAll, expect, test } from 'vitest';
import { IMAGE_OPERATIONS } from '../crash/image-operations.ts';
import { CrashHost } from '../crash/points.ts';
import { missingPrograms } from '../support/registry.ts';

/** Points of each operation that are tried; `ISOPOD_CRASH_POINTS=all` tries every one. */
const POINTS = process.env.ISOPOD_CRASH_POINTS === 'all' ? Number.POSITIVE_INFINITY : 4;
const SECONDS = 1000;
const lacksErofs = missingPrograms(['mkfs.erofs']).length > 0;

let host: CrashHost;
beforeAll(async () => {
  host = await CrashHost.make();
});
afterAll(() => host.close());

test.each(Object.keys(IMAGE_OPERATIONS))(
  'an engine that is ended in the middle of %s leaves a store that opens, verifies and goes on, with its files and with a copy of them',
  { timeout: 1200 * SECONDS, retry: 0 },
  async (operation) => {
    if (lacksErofs && operation.includes('erofs')) return;
    const effects = await host.effectsOf(operation);
    const count = Math.min(POINTS, effects.length);
    let met = 0;
    for (let index = 0; index < count; index++) {
      if (await host.crashBefore(operation, 1 + Math.floor((index * effects.length) / count))) met++;
    }
    expect(met).toBeGreaterThan(count / 2);
  },
);
