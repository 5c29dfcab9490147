import type { ServiceManager } from '../../src/base/effects.ts';
import { type FakeKernel, WORLD } from './fake-kernel.ts';
import type { Incarnation } from './incarnation.ts';

function refusal(name: string): Error {
  return Object.assign(new Error(`fake systemd: ${name}`), { code: `org.freedesktop.systemd1.${name}` });
}

/** systemd as one engine sees it; units outlive the engine. */
export function fakeServices(kernel: FakeKernel, incarnation: Incarnation): ServiceManager {
  const group = (name: string): string => `${WORLD.cgroupMount}/${WORLD.slice}/${name}`;
  return {
    startScope: (name, { properties }) =>
      incarnation.effect(`start ${name}`, () => {
        if (kernel.units.has(name)) throw refusal('UnitExists');
        kernel.makeGroup(group(name));
        kernel.units.set(name, { group: group(name), holder: incarnation, properties: new Map() });
        tell(kernel, name, properties);
      }),
    setUnitProperties: (name, properties) =>
      incarnation.effect(`set properties of ${name}`, () => {
        if (!kernel.units.has(name)) throw refusal('NoSuchUnit');
        tell(kernel, name, properties);
      }),
    stopUnit: (name) =>
      incarnation.effect(`stop ${name}`, () => {
        const unit = kernel.units.get(name);
        if (unit === undefined) return;
        kernel.killGroup(unit.group);
        kernel.removeGroup(unit.group);
        kernel.units.delete(name);
      }),
    close: () => {},
  };
}

function tell(kernel: FakeKernel, name: string, properties: Parameters<ServiceManager['setUnitProperties']>[1]): void {
  for (const { name: property, value } of properties) kernel.units.get(name)?.properties.set(property, value);
}
