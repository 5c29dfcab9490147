import { expect, test } from 'vitest';
import { UndoStack } from '../base/undo-stack.ts';
import { contribute, isolatedGroups, prepareIsolators } from './contribute.ts';
import { planInput } from './isolator.fixture.ts';
import type { Isolator } from './isolator.ts';

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

test('each isolator is planned with what it has found out itself, in order', async () => {
  const seen: unknown[] = [];
  const make = (name: string): Isolator => ({
    name,
    requires: [],
    prepare: async () => ({ from: name }),
    plan: ({ prepared }) => {
      seen.push(prepared);
      return { hostname: name };
    },
  });
  const plain: Isolator = { name: 'c', requires: [], plan: ({ prepared }) => ({ workdir: `${prepared}` }) };
  const isolators = [make('a'), make('b'), plain];
  const prepared = await prepareIsolators(isolators, planInput(), { undo: new UndoStack() });
  const contributions = contribute(isolators, planInput(), prepared);
  expect(seen).toEqual([{ from: 'a' }, { from: 'b' }]);
  expect(contributions).toEqual([
    { isolator: 'a', contribution: { hostname: 'a' } },
    { isolator: 'b', contribution: { hostname: 'b' } },
    { isolator: 'c', contribution: { workdir: 'undefined' } },
  ]);
});
