import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { isolatorCatalog } from '../catalog.ts';
import { catalogEffects, HOST, HOST_V2, knobsOf, planInput } from '../isolator.fixture.ts';

const CGROUPS = isolatorCatalog(catalogEffects(memoryFiles({}))).filter(({ name }) => name.startsWith('cgroups/'));
const takingPart = (host: typeof HOST, resources: object = {}) =>
  CGROUPS.filter(({ appliesTo }) => appliesTo?.(planInput({ resources }).config, host)).map(({ name }) => name);

test.each(CGROUPS.map((isolator) => [isolator.name, isolator] as const))(
  '%s without a limit has no knobs',
  (_, one) => {
    expect(knobsOf(() => one, {})).toEqual([]);
  },
);

test.each(CGROUPS.map((isolator) => [isolator.name, isolator] as const))(
  '%s is refused by name on a host without its controller',
  (name, one) => {
    expect(() => knobsOf(() => one, {}, { host: { ...HOST, controllers: {} } })).toThrow(
      `${name} needs the cgroup controller`,
    );
  },
);

test('by itself a container has the groups that account, and no other', () => {
  expect(takingPart(HOST)).toEqual(['cgroups/cpu', 'cgroups/memory', 'cgroups/pids', 'cgroups/devices']);
  expect(takingPart(HOST_V2)).toEqual([
    'cgroups/cpu',
    'cgroups/memory',
    'cgroups/pids',
    'cgroups/io',
    'cgroups/devices',
  ]);
  expect(takingPart({ ...HOST, controllers: {} })).toEqual([]);
});

test('what a limit was asked of takes part, even where its controller is missing, to say so', () => {
  expect(takingPart({ ...HOST, controllers: {} }, { cpusetCpus: '0', hugePages: [] })).toEqual(['cgroups/cpuset']);
});
