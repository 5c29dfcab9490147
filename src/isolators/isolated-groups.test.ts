import { expect, test } from 'vitest';
import { isolatedGroups } from './isolated-groups.ts';

const group = (hierarchy: string, version: 1 | 2, controllers: readonly string[]) => ({
  ...{ hierarchy, version, controllers, path: `/cg/${hierarchy}`, knobs: [] },
});

test('v1 groups go by each name of their hierarchy, so that cpu and its accounting are told apart', () => {
  expect(isolatedGroups({ cgroups: [group('cpu', 1, ['cpu']), group('cpuacct', 1, ['cpu'])] })).toEqual({
    cpu: { path: '/cg/cpu', version: 1 },
    cpuacct: { path: '/cg/cpuacct', version: 1 },
  });
});

test('a v2 group goes by the controllers that were chosen', () => {
  expect(isolatedGroups({ cgroups: [group('v2', 2, ['cpu', 'memory'])] })).toEqual({
    cpu: { path: '/cg/v2', version: 2 },
    memory: { path: '/cg/v2', version: 2 },
  });
});
