import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { VolumeDriver, VolumeRecord } from './driver.ts';

/** What every driver must do, wherever it keeps its data. */
export function volumeDriverContract(
  make: () => VolumeDriver,
  cases: { readonly good: VolumeRecord['options']; readonly bad: VolumeRecord['options'] },
): void {
  describe(`the contract of driver ${make().name}`, () => {
    let directory: string;
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'isopod-driver-'));
    });
    afterEach(() => rmSync(directory, { recursive: true, force: true }));
    const record: VolumeRecord = {
      ...{ schemaVersion: 1, name: 'v', driver: make().name, options: cases.good, labels: {}, createdAtMs: 1 },
      ...{ anonymous: false, used: false },
    };

    test('options that mean nothing are refused, and name the volume', () => {
      expect(() => make().check({ name: 'v', options: cases.good })).not.toThrow();
      expect(() => make().check({ name: 'v', options: cases.bad })).toThrow('volume v');
    });

    test('it makes the data once, and a second call finds them', async () => {
      const driver = make();
      await driver.create(record, directory);
      await driver.create(record, directory);
      expect(driver.source(record, directory)).toMatchObject({ kind: 'directory' });
    });

    test('only a volume that nobody has used is filled', () => {
      expect(make().source(record, directory)).toHaveProperty('fill');
      expect(make().source({ ...record, used: true }, directory)).not.toHaveProperty('fill');
    });

    test('removal is idempotent, also of what was never made', async () => {
      const driver = make();
      await driver.remove(record, join(directory, 'absent'));
      mkdirSync(join(directory, 'there'));
      await driver.create(record, join(directory, 'there'));
      await driver.remove(record, join(directory, 'there'));
      await driver.remove(record, join(directory, 'there'));
    });
  });
}
