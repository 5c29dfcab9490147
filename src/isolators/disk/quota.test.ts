import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { UndoStack } from '../../base/undo-stack.ts';
import type { Step } from '../../model/wire.ts';
import { isolatorContract } from '../isolator.contract.ts';
import { isolatedContainer, planInput } from '../isolator.fixture.ts';
import type { PlanInput } from '../isolator.ts';
import { diskQuota } from './quota.ts';

isolatorContract(({ files }) => diskQuota({ files, runHostSteps: async () => {} }), planInput());

const ROOT = '/var/lib/isopod/containers/0123456789ab';
const LIMIT = 10 << 20;
const anonymous = { kind: 'named', name: 'own', anonymous: true, containerPath: '/own', readOnly: false } as const;
const named = { kind: 'named', name: 'other', containerPath: '/other', readOnly: false } as const;

function asked(): PlanInput {
  const { config, ...rest } = planInput({ diskLimitBytes: LIMIT });
  return {
    ...rest,
    config: { ...config, volumes: [anonymous, named] },
    volumeSources: {
      '/own': { kind: 'directory', path: '/var/lib/isopod/volumes/own/data' },
      '/other': { kind: 'directory', path: '/var/lib/isopod/volumes/other/data' },
    },
  };
}

function isolatorOn(superOptions: string) {
  const steps: Step[] = [];
  const files = memoryFiles({
    '/proc/self/mountinfo': `30 1 8:1 / / rw - ext4 /dev/a rw\n40 30 8:2 / /var/lib rw - ext4 /dev/b ${superOptions}\n`,
    [`${ROOT}/config.json`]: '',
    '/var/lib/isopod/volumes/own/data/x': '',
  });
  const runHostSteps = async (list: readonly Step[]): Promise<void> => {
    steps.push(...list);
  };
  return { isolator: diskQuota({ files, runHostSteps }), steps };
}

test('the directory of the container and the volumes that were made for it are bounded, and no other', async () => {
  const { isolator, steps } = isolatorOn('rw,prjquota');
  const undo = new UndoStack();
  const prepared = (await isolator.prepare?.(asked(), undo)) ?? {};
  const project = 0x4000_0000 + (0x0123456789ab % 2 ** 30);
  expect(steps.map(({ values }) => values)).toEqual([
    { path: ROOT, project, limitBytes: LIMIT },
    { path: '/var/lib/isopod/volumes/own/data', project, limitBytes: LIMIT },
  ]);
  expect(isolator.plan({ ...asked(), prepared })).toEqual({
    diskQuota: { way: 'project', project, limitBytes: LIMIT },
  });
  steps.length = 0;
  await undo.unwind();
  expect(steps.map(({ values }) => values)).toEqual([{ path: ROOT, project, limitBytes: 0 }]);
});

test('without project quotas the layer is on a file system of that size', async () => {
  const { isolator, steps } = isolatorOn('rw');
  const prepared = (await isolator.prepare?.(asked(), new UndoStack())) ?? {};
  expect(isolator.plan({ ...asked(), prepared })).toEqual({
    diskQuota: { way: 'image', file: `${ROOT}/disk`, limitBytes: LIMIT },
  });
  await isolator.cleanup?.({ ...isolatedContainer(), config: asked().config });
  expect(steps).toEqual([]);
});

test('what is none of an image cannot be bounded so', () => {
  const { rootfs: _, ...hostTree } = asked();
  expect(() => isolatorOn('rw').isolator.plan({ ...hostTree, prepared: {} })).toThrow('nothing of it to bound');
});

test('a file system of that size cannot be shown through a user namespace, and the pair is refused', () => {
  const ids = [{ container: 0, host: 100_000, count: 65_536 }];
  const userNamespace = { uids: ids, gids: ids, files: 'idmapped' } as const;
  const input = { ...asked(), prepared: {}, userNamespace };
  expect(() => isolatorOn('rw').isolator.plan(input)).toThrow('cannot be shown through a user namespace');
});

test('a container without a limit is left alone to the end', async () => {
  const { isolator, steps } = isolatorOn('rw,prjquota');
  expect(await isolator.prepare?.(planInput(), new UndoStack())).toEqual({});
  await isolator.cleanup?.(isolatedContainer());
  expect(steps).toEqual([]);
});
