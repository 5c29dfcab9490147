import { dirname } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { mountOf, parseMountInfo } from '../../linux/mountinfo.ts';
import type { DiskQuota } from '../../model/disk-quota.ts';
import { defineErrors } from '../../model/error.ts';
import { type Step, step } from '../../model/wire.ts';
import type { IsolatedContainer, Isolator, PlanInput, PreparedFacts, UndoLog, UsageValues } from '../isolator.ts';
import { DiskAccounts, type DiskEffects } from './accounts.ts';
import { ImageProbe } from './image-probe.ts';
import { changedQuota } from './live-limit.ts';
import { directoriesBesideLayer, ownDirectories } from './own-files.ts';

const NAME = 'disk/quota';

export const diskErrors = defineErrors(NAME, {
  noLayer: {
    kind: 'failed-precondition',
    message: (d: { limitBytes: number; found: string }) =>
      `a disk limit of ${d.limitBytes} bytes was to be kept by a file system of that size, and the root file system is ${d.found}, so there is no layer to put on it`,
    remedy: () => 'give an image and --backend overlay or erofs, or leave out --disk-enforcement',
  },
  noProjectQuota: {
    kind: 'failed-precondition',
    message: (d: { limitBytes: number; directory: string }) =>
      `a disk limit of ${d.limitBytes} bytes was to be kept by a project quota, and the file system of ${d.directory} is not mounted with prjquota`,
    remedy: () => "put the engine's root directory on ext4 or xfs with prjquota, or leave out --disk-enforcement",
  },
});

/** Project ids of ours begin here: below are those of administrators. */
const FIRST_PROJECT = 0x4000_0000;
const PROJECT_BITS = 30n;
const OWN_MOUNTS = '/proc/self/mountinfo';

/**
 * Isolator `disk/quota`: one bound of all that a container keeps on disk, by the first of three ways that there is. A
 * project of the file system takes all that is made below the container's directory. Else its layer is on a file system
 * of that size, and the rest is counted with it. Else all is counted. Counted, it is ended once it has passed the bound.
 */
export function diskQuota(effects: DiskEffects, intervalMs?: number): Isolator {
  const { files, runHostSteps, measureDisk } = effects;
  const accounts = new DiskAccounts({ name: NAME, measureDisk, intervalMs });
  const probe = new ImageProbe(runHostSteps, NAME);
  return {
    name: NAME,
    requires: ['filesystem/linux'],
    appliesTo: ({ diskLimitBytes, diskEnforcement }) => diskLimitBytes !== undefined || diskEnforcement === 'observe',
    prepare: (input, undo) => prepare({ files, runHostSteps, probe }, input, undo),
    plan: (input) => {
      const quota = quotaOf(input);
      return quota === undefined ? {} : { diskQuota: quota };
    },
    watch: (container) => accounts.watch(container),
    measure: (container) => accounts.measure(container),
    limitation: async (container) => accounts.limitation(container),
    usage: async (container) =>
      container.diskQuota?.way === 'project' ? projectUsage(files, container) : accounts.usage(container),
    async update({ uid, config, runtimeDir, diskQuota }) {
      const { diskLimitBytes } = config;
      if (diskQuota === undefined || diskLimitBytes === undefined) return {};
      const { diskUsedBytes } =
        diskQuota.way === 'project'
          ? await projectUsage(files, { config, runtimeDir })
          : accounts.usage({ uid, diskQuota });
      return { diskQuota: changedQuota(diskQuota, diskLimitBytes, diskUsedBytes) };
    },
    // Nothing writes any more; what is left goes with its files.
    async cleanup({ uid, config, runtimeDir }) {
      accounts.forget(uid);
      const directory = dirname(runtimeDir);
      if (config.diskLimitBytes === undefined || !(await files.exists(directory))) return;
      if (await hasProjectQuotas(files, [directory])) await runHostSteps(releaseSteps(directory, projectOf(uid)));
    },
  };
}

interface Preparation extends Pick<DiskEffects, 'files' | 'runHostSteps'> {
  readonly probe: ImageProbe;
}

/** @returns `project`: the id of one that is in force; `because`: why the kernel keeps no limit */
async function prepare(
  { files, runHostSteps, probe }: Preparation,
  input: PlanInput,
  undo: UndoLog,
): Promise<PreparedFacts> {
  const { diskLimitBytes: limitBytes, diskEnforcement: asked } = input.config;
  if (limitBytes === undefined || asked === 'observe' || asked === 'accounting') return {};
  const directories = ownDirectories(input);
  if (asked !== 'image' && (await hasProjectQuotas(files, directories))) {
    const project = projectOf(input.uid);
    undo.push('disk quota', () => runHostSteps(releaseSteps(dirname(input.sandboxDir), project)));
    await runHostSteps(directories.map((path) => step(NAME, 'set-project-quota', { path, project, limitBytes })));
    return { project: String(project) };
  }
  if (asked !== undefined) return {};
  if (!hasLayer(input.rootfs)) return { because: `the root file system is ${foundInstead(input.rootfs)}` };
  const obstacle = await probe.obstacle(dirname(dirname(dirname(input.sandboxDir))));
  return obstacle === undefined ? {} : { because: obstacle };
}

/** @throws {EngineError} `disk/quota.*` for a way that was asked for and is not there */
function quotaOf(input: PlanInput): DiskQuota | undefined {
  const { config, prepared, rootfs, sandboxDir } = input;
  const { diskLimitBytes: limitBytes, diskEnforcement: asked } = config;
  if (asked === 'observe') {
    const limit = limitBytes === undefined ? {} : { limitBytes };
    return { way: 'accounting', counted: ownDirectories(input), ...limit, enforced: false };
  }
  if (limitBytes === undefined) return undefined;
  if (prepared?.project !== undefined) return { way: 'project', project: Number(prepared.project), limitBytes };
  if (asked === 'project') throw diskErrors.noProjectQuota({ limitBytes, directory: dirname(dirname(sandboxDir)) });
  const because = prepared?.because;
  if (asked === 'accounting' || because !== undefined) {
    const reason = because === undefined ? {} : { because };
    return { way: 'accounting', counted: ownDirectories(input), limitBytes, enforced: true, ...reason };
  }
  if (!hasLayer(rootfs)) throw diskErrors.noLayer({ limitBytes, found: foundInstead(rootfs) });
  return { way: 'image', file: `${dirname(sandboxDir)}/disk`, limitBytes, counted: directoriesBesideLayer(input) };
}

/** Whether what is written goes to a layer of its own, which may lie anywhere. */
function hasLayer(rootfs: PlanInput['rootfs']): boolean {
  return rootfs?.kind === 'overlay' || rootfs?.kind === 'erofs';
}

function foundInstead(rootfs: PlanInput['rootfs']): string {
  if (rootfs?.kind === 'copy') return 'a copy of the image';
  return rootfs?.kind === 'bind' ? 'the layer of the image itself' : 'none of an image';
}

async function hasProjectQuotas(files: Files, directories: readonly string[]): Promise<boolean> {
  const mounts = parseMountInfo(await files.readText(OWN_MOUNTS));
  for (const directory of directories) {
    const mount = mountOf(mounts, await files.realPath(directory));
    if (mount?.superOptions.some((option) => option === 'prjquota' || option === 'pquota') !== true) return false;
  }
  return true;
}

/** The same for one container always; of 2^30 ids, so that two containers have one only by an accident of 1 in 10^6. */
function projectOf(uid: string): number {
  return FIRST_PROJECT + Number(BigInt.asUintN(Number(PROJECT_BITS), BigInt(`0x${uid}`)));
}

function releaseSteps(path: string, project: number): readonly Step[] {
  return [step(NAME, 'set-project-quota', { path, project, limitBytes: 0 })];
}

/** `diskUsedBytes`, `diskLimitBytes`: statfs(2) of a directory of a project tells the project's bound (ext4 and xfs). */
async function projectUsage(
  files: Files,
  { config, runtimeDir }: Pick<IsolatedContainer, 'config' | 'runtimeDir'>,
): Promise<UsageValues> {
  const { diskLimitBytes } = config;
  const directory = dirname(runtimeDir);
  if (diskLimitBytes === undefined || !(await files.exists(directory))) return {};
  const { totalBytes, freeBytes } = await files.space(directory);
  return { diskUsedBytes: totalBytes - freeBytes, diskLimitBytes };
}
