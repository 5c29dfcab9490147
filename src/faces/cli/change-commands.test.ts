import { expect, test } from 'vitest';
import { resourceChangesOf } from './change-commands.ts';

test('limits that are named are changed, and 0 or -1 takes one away', () => {
  expect(resourceChangesOf({ memory: '64m', cpus: '0', pidsLimit: '-1' })).toEqual({
    memoryLimitBytes: 64 << 20,
    cpuMillis: null,
    pidsLimit: null,
  });
  expect(resourceChangesOf({ cpus: '1.5' })).toEqual({ cpuMillis: 1500 });
});

test('what has values of its own for 0 and -1 is taken away otherwise', () => {
  expect(resourceChangesOf({ memorySwap: '-1', memorySwappiness: '0' })).toEqual({
    memorySwapBytes: -1,
    memorySwappiness: 0,
  });
  expect(resourceChangesOf({ memorySwap: '0', memorySwappiness: '-1', cpusetCpus: '', hugetlb: [''] })).toEqual({
    memorySwapBytes: null,
    memorySwappiness: null,
    cpusetCpus: null,
    hugePages: null,
  });
  expect(resourceChangesOf({ cpuIdle: false, memoryOomGroup: true })).toEqual({ cpuIdle: null, memoryOomGroup: true });
});

test('an update without a limit is refused', () => {
  expect(() => resourceChangesOf({})).toThrow('no limit is named');
});

test.each([{ memory: 'much' }, { memory: '-2' }, { cpus: 'all' }, { pidsLimit: '-7' }])('%j is refused', (options) => {
  expect(() => resourceChangesOf(options)).toThrow('is not');
});
