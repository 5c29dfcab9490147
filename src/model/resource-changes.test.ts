import { expect, test } from 'vitest';
import { changedResources } from './resource-changes.ts';

test('a value sets a bound, null takes one away, what is not named stays', () => {
  const resources = { memoryLimitBytes: 1, cpuMillis: 2, pidsLimit: 3 };
  expect(changedResources(resources, { memoryLimitBytes: 9, pidsLimit: null })).toEqual({
    memoryLimitBytes: 9,
    cpuMillis: 2,
  });
  expect(resources).toEqual({ memoryLimitBytes: 1, cpuMillis: 2, pidsLimit: 3 });
});
