import { describe, expect, test } from 'vitest';
import type { ServiceManager } from '../effects.ts';
import type { FakeSystemd } from './fake-systemd.fixture.ts';

/** What a client of systemd does, however it reaches it. */
export function serviceManagerContract(
  how: string,
  make: () => Promise<{ readonly manager: ServiceManager; readonly systemd: FakeSystemd }>,
): void {
  describe(how, () => {
    test('a scope is started around processes with its properties, changed, and stopped', async () => {
      const { manager, systemd } = await make();
      const properties = [
        { name: 'Delegate', signature: 'b', value: true },
        { name: 'MemoryMax', signature: 't', value: 1n << 40n },
        { name: 'AllowedCPUs', signature: 'ay', value: [3, 1] },
        { name: 'DeviceAllow', signature: 'a(ss)', value: [['char-*', 'rwm']] },
      ];
      await manager.startScope('one.scope', { pids: [11, 12], properties });
      const started = systemd.units.get('one.scope')?.properties;
      expect(Object.fromEntries(started ?? [])).toEqual({
        ...{ PIDs: [11, 12], Delegate: true, MemoryMax: 1n << 40n, AllowedCPUs: [3, 1] },
        DeviceAllow: [['char-*', 'rwm']],
      });
      await manager.setUnitProperties('one.scope', [{ name: 'MemoryMax', signature: 't', value: 5n }]);
      expect(started?.get('MemoryMax')).toBe(5n);
      await manager.stopUnit('one.scope');
      expect(systemd.units.size).toBe(0);
    });

    test('a unit that is not there is stopped already, and cannot be changed', async () => {
      const { manager } = await make();
      await manager.stopUnit('none.scope');
      await expect(manager.setUnitProperties('none.scope', [])).rejects.toMatchObject({
        code: 'org.freedesktop.systemd1.NoSuchUnit',
      });
    });

    test('a job that fails is a failure, and a name that is taken too', async () => {
      const { manager, systemd } = await make();
      await manager.startScope('one.scope', { pids: [1], properties: [] });
      await expect(manager.startScope('one.scope', { pids: [1], properties: [] })).rejects.toMatchObject({
        code: 'org.freedesktop.systemd1.UnitExists',
      });
      systemd.jobResult = 'failed';
      await expect(manager.startScope('two.scope', { pids: [1], properties: [] })).rejects.toMatchObject({
        code: 'job-failed',
      });
    });

    test('many at once each get their own answer', async () => {
      const { manager, systemd } = await make();
      const names = Array.from({ length: 20 }, (_, index) => `many-${index}.scope`);
      await Promise.all(names.map((name) => manager.startScope(name, { pids: [1], properties: [] })));
      expect([...systemd.units.keys()].sort()).toEqual([...names].sort());
    });
  });
}
