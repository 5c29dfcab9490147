import { expect, test } from 'vitest';
import type { Isolator } from './isolator.ts';
import { lateIsolators } from './late.ts';
import type { Selection } from './select.ts';

const isolator = (name: string): Isolator => ({ name, requires: [], plan: () => ({}) });
const CATALOG = ['cgroups/cpuset', 'cgroups/pids', 'cgroups/hugetlb'].map(isolator);

function late(present: readonly string[], config: object, changes: object = {}): readonly string[] {
  const resources = { cpusetCpus: '0', pidsLimit: 7 };
  const selection = {
    catalog: CATALOG,
    config: { resources, ...config },
    host: { launcher: 'linux', uid: 0 },
    ...changes,
  };
  return lateIsolators(selection as unknown as Selection, present).map(({ name }) => name);
}

test('what serves a limit that is new comes; what is there stays, and what nobody asked for is left out', () => {
  expect(late(['cgroups/pids'], {})).toEqual(['cgroups/cpuset']);
  expect(late(['cgroups/pids', 'cgroups/cpuset'], {})).toEqual([]);
});

test('who listed the isolators is told which one the list lacks', () => {
  expect(() => late(['cgroups/pids'], { isolation: ['cgroups/pids'] })).toThrow(
    'a set of CPUs is the work of cgroups/cpuset, and the container was launched with a list of isolators that lacks it: cgroups/pids',
  );
});

test('what the agent does not permit does not come later either', () => {
  expect(() => late(['cgroups/pids'], {}, { permitted: ['cgroups/pids'] })).toThrow('cgroups/cpuset is not permitted');
});

test('under a launcher without groups nothing comes', () => {
  expect(late([], {}, { host: { launcher: 'posix', uid: 1000 } })).toEqual([]);
});
