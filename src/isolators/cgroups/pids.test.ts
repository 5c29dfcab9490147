import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { briefOf, groupedContainer, HOST, HOST_V2, knobsOf } from '../isolator.fixture.ts';
import { cgroupsPids } from './pids.ts';

test.each([HOST, HOST_V2])('the bound is the same in both versions', (host) => {
  expect(knobsOf(cgroupsPids, { pidsLimit: 32 }, { host })).toEqual(['pids.max=32']);
});

test('a limitation tells how often the kernel refused', async () => {
  const files = memoryFiles({
    ...{ '/cg/pids/pids.events': 'max 3\n', '/cg/pids/pids.max': '32\n', '/cg/pids/pids.peak': '32\n' },
  });
  const limitation = await cgroupsPids({ files }).limitation?.(groupedContainer(1));
  expect(limitation?.message).toBe('the limit of 32 processes was hit: 3 times the kernel refused another process');
  expect(limitation?.statistics).toEqual({ pidsLimit: 32, pidsPeak: 32, pidsRefused: 3 });
});

test('usage is how many there are and how many there may be', async () => {
  const files = memoryFiles({ '/cg/pids/pids.current': '5\n', '/cg/pids/pids.max': 'max\n' });
  expect(await cgroupsPids({ files }).usage?.(groupedContainer(2))).toEqual({ pids: 5 });
  expect(await briefOf(cgroupsPids({ files }), files, groupedContainer(2, { pidsLimit: 7 }))).toEqual({
    values: { pids: 5, pidsLimit: 7 },
    fileCount: 1,
  });
});

test.each([1, 2] as const)('what is bounded is watched for refusals, in v%i, and nothing else is', (version) => {
  const isolator = cgroupsPids({ files: memoryFiles({}) });
  const { path } = groupedContainer(version).groups.pids ?? {};
  expect(isolator.watch?.(groupedContainer(version, { pidsLimit: 7 }))).toEqual({
    ...{ kind: 'events', path: `${path}/pids.events` },
  });
  expect(isolator.watch?.(groupedContainer(version))).toBeUndefined();
});
