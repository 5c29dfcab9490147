import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { UndoStack } from '../../base/undo-stack.ts';
import { workerErrors } from '../../linux/helper-worker.ts';
import type { ContainerRequest } from '../../model/check-request.ts';
import type { DiskEnforcement, DiskMeasurement, DiskQuota } from '../../model/disk-quota.ts';
import type { Step } from '../../model/wire.ts';
import { isolatorContract } from '../isolator.contract.ts';
import { catalogEffects, isolatedContainer, planInput, prepareAndPlan } from '../isolator.fixture.ts';
import type { Isolator, PlanInput } from '../isolator.ts';
import { diskQuota } from './quota.ts';

isolatorContract(({ files }) => diskQuota(catalogEffects(files)), planInput());
isolatorContract(({ files }) => diskQuota(catalogEffects(files)), planInput({ diskEnforcement: 'observe' }));

const ROOT = '/var/lib/isopod/containers/0123456789ab';
const LIMIT = 10 << 20;
const OWN_VOLUME = '/var/lib/isopod/volumes/own/data';
const anonymous = { kind: 'named', name: 'own', anonymous: true, containerPath: '/own', readOnly: false } as const;
const named = { kind: 'named', name: 'other', containerPath: '/other', readOnly: false } as const;

function asked(request: Partial<ContainerRequest> = {}): PlanInput {
  const { config, ...rest } = planInput({ diskLimitBytes: LIMIT, ...request });
  return {
    ...rest,
    config: { ...config, volumes: [anonymous, named] },
    volumeSources: {
      '/own': { kind: 'directory', path: OWN_VOLUME },
      '/other': { kind: 'directory', path: '/var/lib/isopod/volumes/other/data' },
    },
  };
}

/** @param obstacle errno of the step that makes a file system in a file; 0: it works */
function isolatorOn(superOptions: string, obstacle = 0) {
  const steps: Step[] = [];
  const files = memoryFiles({
    '/proc/self/mountinfo': `30 1 8:1 / / rw - ext4 /dev/a rw\n40 30 8:2 / /var/lib rw - ext4 /dev/b ${superOptions}\n`,
    [`${ROOT}/config.json`]: '',
    [`${OWN_VOLUME}/x`]: '',
  });
  const runHostSteps = async (list: readonly Step[]): Promise<void> => {
    steps.push(...list);
    if (obstacle === 0 || !list.some(({ op }) => op === 'create-disk')) return;
    throw workerErrors.stepFailed({ by: 'disk/quota', step: 'create-disk', detail: '', errno: obstacle });
  };
  const measured: DiskMeasurement[] = [];
  const use = { bytes: 0, entries: 7, unread: 0 };
  const measureDisk = async (measurement: DiskMeasurement) => {
    measured.push(measurement);
    if (use.bytes < 0) throw workerErrors.tooDeep({ path: ROOT });
    return { ...use };
  };
  const space = async () => ({ totalBytes: 100, freeBytes: 60 });
  return {
    isolator: diskQuota({ files: Object.assign(files, { space }), runHostSteps, measureDisk }, 1000),
    steps,
    measured,
    use,
  };
}

async function quotaIn(isolator: Isolator, input: PlanInput): Promise<DiskQuota | undefined> {
  return (await prepareAndPlan(isolator, input)).diskQuota;
}

test('the directory of the container and the volumes that were made for it are bounded, and no other', async () => {
  const { isolator, steps } = isolatorOn('rw,prjquota');
  const undo = new UndoStack();
  const prepared = (await isolator.prepare?.(asked(), undo)) ?? {};
  const project = 0x4000_0000 + (0x0123456789ab % 2 ** 30);
  expect(steps.map(({ values }) => values)).toEqual([
    { path: ROOT, project, limitBytes: LIMIT },
    { path: OWN_VOLUME, project, limitBytes: LIMIT },
  ]);
  expect(isolator.plan({ ...asked(), prepared })).toEqual({
    diskQuota: { way: 'project', project, limitBytes: LIMIT },
  });
  steps.length = 0;
  await undo.unwind();
  expect(steps.map(({ values }) => values)).toEqual([{ path: ROOT, project, limitBytes: 0 }]);
});

test('without project quotas the layer is on a file system of that size, and the rest is counted with it', async () => {
  const { isolator, steps } = isolatorOn('rw');
  expect(await quotaIn(isolator, asked())).toEqual({
    ...{ way: 'image', file: `${ROOT}/disk`, limitBytes: LIMIT },
    counted: [`${ROOT}/sandbox`, `${ROOT}/logs`, `${ROOT}/files`, OWN_VOLUME],
  });
  steps.length = 0;
  expect(await quotaIn(isolator, asked())).toMatchObject({ way: 'image' });
  expect(steps).toEqual([]); // that it works is remembered
  await isolator.cleanup?.({ ...isolatedContainer(), config: asked().config });
  expect(steps).toEqual([]);
});

test.each([
  ['no program makes one', 8, 'there is no mkfs.ext4'],
  ['the kernel stacks no such thing', 22, 'EINVAL (invalid argument)'],
])('where a file system in a file cannot be, for %s, all is counted, and it is told why', async (_, errno, reason) => {
  const { isolator, steps } = isolatorOn('rw', errno);
  const quota = await quotaIn(isolator, asked());
  expect(quota).toEqual({
    ...{ way: 'accounting', counted: [ROOT, OWN_VOLUME], limitBytes: LIMIT, enforced: true },
    because: `a file system in a file is refused here: ${reason}`,
  });
  expect(steps.at(-1)).toMatchObject({ op: 'remove-tree', values: { directory: '/var/lib/isopod' } });
});

test('without a layer all is counted, and nothing is tried', async () => {
  const { isolator, steps } = isolatorOn('rw');
  const { rootfs: _, ...hostTree } = asked();
  expect(await quotaIn(isolator, hostTree)).toMatchObject({ way: 'accounting', enforced: true });
  expect(steps).toEqual([]);
});

test('what is asked for by name is in force, or refused', async () => {
  const { isolator, steps } = isolatorOn('rw,prjquota');
  const wayOf = async (diskEnforcement: DiskEnforcement) => quotaIn(isolator, asked({ diskEnforcement }));
  expect(await wayOf('image')).toMatchObject({ way: 'image' });
  expect(await wayOf('accounting')).toMatchObject({ way: 'accounting', enforced: true });
  expect(await wayOf('observe')).toMatchObject({ way: 'accounting', enforced: false, limitBytes: LIMIT });
  expect(steps).toEqual([]);
  const { rootfs: _, ...hostTree } = asked({ diskEnforcement: 'image' });
  await expect(quotaIn(isolator, hostTree)).rejects.toThrow('no layer to put on it');
  const elsewhere = quotaIn(isolatorOn('rw').isolator, asked({ diskEnforcement: 'project' }));
  await expect(elsewhere).rejects.toThrow('not mounted with prjquota');
});

const COUNTED = { way: 'accounting', counted: [ROOT], limitBytes: LIMIT, enforced: true } as const;

test('past the limit is told with limit and use, and by the last count alone', async () => {
  const { isolator, measured, use } = isolatorOn('rw');
  const container = { ...isolatedContainer(), diskQuota: COUNTED };
  expect(isolator.watch?.(container)).toEqual({ kind: 'polled', everyMs: 1000 });
  expect(await isolator.usage?.(container)).toEqual({ diskLimitBytes: LIMIT });
  use.bytes = LIMIT;
  await isolator.measure?.(container);
  expect(await isolator.limitation?.(container)).toBeUndefined();
  use.bytes = 12 << 20;
  expect(await isolator.limitation?.(container)).toBeUndefined();
  await isolator.measure?.(container);
  expect(await isolator.limitation?.(container)).toEqual({
    ...{ isolator: 'disk/quota', resource: 'disk', times: 1 },
    message:
      'the disk limit of 10 MiB was passed: 12 MiB were in use by 7 files of its layer, its logs, its sandbox directory and its own volumes',
    statistics: { diskUsedBytes: 12 << 20, diskLimitBytes: LIMIT, diskEntries: 7 },
  });
  expect(await isolator.usage?.(container)).toEqual({ diskUsedBytes: 12 << 20, diskLimitBytes: LIMIT });
  expect(measured).toEqual([{ paths: [ROOT] }, { paths: [ROOT] }]);
  const late = isolator.measure?.(container);
  await isolator.cleanup?.(container);
  await late;
  expect(await isolator.limitation?.(container)).toBeUndefined();
});

test('a layer in a file is counted below the root of the container', async () => {
  const { isolator, measured } = isolatorOn('rw');
  const quota = { way: 'image', file: `${ROOT}/disk`, limitBytes: LIMIT, counted: [`${ROOT}/logs`] } as const;
  await isolator.measure?.({ ...isolatedContainer(), diskQuota: quota, pid: 7, startTime: 8n });
  expect(measured).toEqual([{ paths: [`${ROOT}/logs`], rootOf: { pid: 7, startTime: 8n } }]);
});

test('who hides files deeper than they are counted is past the limit', async () => {
  const { isolator, use } = isolatorOn('rw');
  const container = { ...isolatedContainer(), diskQuota: COUNTED };
  use.bytes = -1;
  await isolator.measure?.(container);
  expect(await isolator.limitation?.(container)).toMatchObject({
    message: 'the disk limit of 10 MiB cannot be kept: its directories are nested deeper than files are counted',
  });
  expect(await isolator.usage?.(container)).toEqual({ diskLimitBytes: LIMIT });
});

test('what is only counted ends nothing', async () => {
  const { isolator, use } = isolatorOn('rw');
  const container = { ...isolatedContainer(), diskQuota: { ...COUNTED, enforced: false } };
  use.bytes = 12 << 20;
  use.unread = 2;
  await isolator.measure?.(container);
  expect(await isolator.limitation?.(container)).toBeUndefined();
  expect(await isolator.usage?.(container)).toEqual({
    ...{ diskUsedBytes: 12 << 20, diskLimitBytes: LIMIT, diskUnread: 2 },
  });
});

test('what a project holds is asked of its file system', async () => {
  const { isolator } = isolatorOn('rw,prjquota');
  const quota = { way: 'project', project: 1, limitBytes: LIMIT } as const;
  const container = { ...isolatedContainer(), config: asked().config, diskQuota: quota };
  expect(isolator.watch?.(container)).toBeUndefined();
  expect(await isolator.usage?.(container)).toMatchObject({ diskLimitBytes: LIMIT, diskUsedBytes: 40 });
});

test('a container without a limit is left alone to the end', async () => {
  const { isolator, steps } = isolatorOn('rw,prjquota');
  expect(await isolator.prepare?.(planInput(), new UndoStack())).toEqual({});
  expect(isolator.watch?.(isolatedContainer())).toBeUndefined();
  await isolator.cleanup?.(isolatedContainer());
  expect(steps).toEqual([]);
});
