import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { groupedContainer, HOST, HOST_V2, knobsOf } from '../isolator.fixture.ts';
import { cgroupsCpuset } from './cpuset.ts';

test.each([HOST, HOST_V2])('CPUs and memory nodes are named alike in both versions', (host) => {
  const resources = { cpusetCpus: '0-1', cpusetMems: '0' };
  expect(knobsOf(cgroupsCpuset, resources, { host })).toEqual(['cpuset.cpus=0-1', 'cpuset.mems=0']);
});

test('what the host lacks is refused, with what is missing and what is there', () => {
  expect(() => knobsOf(cgroupsCpuset, { cpusetCpus: '1-3' })).toThrow(
    'CPUs 1-3 were asked for, and this host has no 2-3',
  );
  expect(() => knobsOf(cgroupsCpuset, { cpusetMems: '0,4' })).toThrow('this host has no 4');
});

test('usage counts what is effective', async () => {
  const v1 = memoryFiles({ '/cg/cpuset/cpuset.effective_cpus': '0-2\n', '/cg/cpuset/cpuset.effective_mems': '0\n' });
  const v2 = memoryFiles({ '/cg/cpuset/cpuset.cpus.effective': '0-2\n', '/cg/cpuset/cpuset.mems.effective': '0\n' });
  const expected = { cpusetCpuCount: 3, cpusetMemoryNodeCount: 1 };
  expect(await cgroupsCpuset({ files: v1 }).usage?.(groupedContainer(1))).toEqual(expected);
  expect(await cgroupsCpuset({ files: v2 }).usage?.(groupedContainer(2))).toEqual(expected);
});
