import { expect, test } from 'vitest';
import { diskChangeSteps, diskChanges } from './disk-changes.ts';

const by = 'disk/quota';
const PROJECT = { way: 'project', project: 7, limitBytes: 100, by } as const;
const COUNTED = { way: 'accounting', counted: ['/c'], limitBytes: 100, enforced: true, by } as const;

test('a project gets its new bound, by the directory that it is of', () => {
  const [change] = diskChanges(PROJECT, { ...PROJECT, limitBytes: 200 });
  if (change === undefined) throw new Error('nothing changes');
  expect(diskChangeSteps(change, '/c')).toEqual([
    { op: 'set-project-quota', by, values: { path: '/c', project: 7, limitBytes: 200 } },
  ]);
});

test('what is counted needs no step, and what is the same no change', () => {
  const changes = diskChanges(COUNTED, { ...COUNTED, limitBytes: 200 });
  expect(changes).toHaveLength(1);
  expect(changes.flatMap((change) => diskChangeSteps(change, '/c'))).toEqual([]);
  expect([diskChanges(COUNTED, COUNTED), diskChanges(undefined, undefined)]).toEqual([[], []]);
});
