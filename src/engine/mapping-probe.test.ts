import { expect, test } from 'vitest';
import { ERRNO } from '../linux/errno.ts';
import { workerErrors } from '../linux/helper-worker.ts';
import type { Step } from '../model/wire.ts';
import { MappingProbe } from './mapping-probe.ts';

/** A probe whose steps are refused so until `refusals` are used up, and what it ran and told. */
function probed(...refusals: readonly Error[]) {
  const left = [...refusals];
  const lists: string[][] = [];
  const told: string[] = [];
  const probe = new MappingProbe({
    rootDir: '/root',
    report: ({ what }) => told.push(what),
    runHostSteps: async (steps: readonly Step[]) => {
      lists.push(steps.map(({ op }) => op));
      const refusal = steps.some(({ op }) => op === 'create-mapped-overlay') ? left.shift() : undefined;
      if (refusal !== undefined) throw refusal;
    },
  });
  return { probe, lists, told };
}

const refused = (name: string): Error =>
  workerErrors.stepFailed({ by: 'i', step: 'create-mapped-overlay', detail: '/l', errno: ERRNO[name] ?? 0 });

test('it is tried once by the steps of a launch, and nothing of it is left', async () => {
  const { probe, lists, told } = probed();
  expect(await Promise.all([probe.works(), probe.works()])).toEqual([true, true]);
  expect(lists).toHaveLength(2);
  expect(lists[0]).toEqual(expect.arrayContaining(['write-id-maps', 'set-file-owner', 'create-mapped-overlay']));
  expect(lists[1]).toEqual(['remove-tree']);
  expect(told).toEqual([]);
});

test.each(['ENOSYS', 'EPERM', 'EINVAL', 'EOPNOTSUPP'])('%s means that it cannot be, and is told once', async (name) => {
  const { probe, lists, told } = probed(refused(name));
  expect([await probe.works(), await probe.works()]).toEqual([false, false]);
  expect(lists.at(-1)).toEqual(['remove-tree']);
  expect(told).toHaveLength(1);
});

test('what says nothing of the file system is passed on, and asked again', async () => {
  const { probe } = probed(refused('EIO'), workerErrors.gone({ during: 'run' }));
  await expect(probe.works()).rejects.toMatchObject({ code: 'helper-worker.stepFailed' });
  await expect(probe.works()).rejects.toMatchObject({ code: 'helper-worker.gone' });
  expect(await probe.works()).toBe(true);
});
