import { dirname } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { mountOf, parseMountInfo } from '../../linux/mountinfo.ts';
import { defineErrors } from '../../model/error.ts';
import { type Step, step } from '../../model/wire.ts';
import type { IsolatedContainer, Isolator, PlanInput, UsageValues } from '../isolator.ts';

const NAME = 'disk/quota';

export const diskErrors = defineErrors(NAME, {
  noLayer: {
    kind: 'failed-precondition',
    message: (d: { limitBytes: number }) =>
      `a disk limit of ${d.limitBytes} bytes was asked for, and the root file system is none of an image, so there is nothing of it to bound`,
    remedy: () => "give an image, or put the engine's root directory on a file system with project quotas",
  },
  userNamespace: {
    kind: 'failed-precondition',
    message: (d: { limitBytes: number }) =>
      `a disk limit of ${d.limitBytes} bytes was asked for, which here is kept by a file system of that size, and owners of its files cannot be shown through a user namespace`,
    remedy: () => "leave out --userns, or put the engine's root directory on a file system with project quotas",
  },
});

/** Project ids of ours begin here: below are those of administrators. */
const FIRST_PROJECT = 0x4000_0000;
const PROJECT_BITS = 30n;
const OWN_MOUNTS = '/proc/self/mountinfo';

type RunHostSteps = (steps: readonly Step[]) => Promise<void>;

/**
 * Isolator `disk/quota`: a bound of what a container keeps on disk. Where the file system has project quotas, its
 * directory is given to a project before anything of it is made, and all below inherits that; elsewhere its layer is on
 * a file system of that size.
 */
export function diskQuota({
  files,
  runHostSteps,
}: {
  readonly files: Files;
  readonly runHostSteps: RunHostSteps;
}): Isolator {
  return {
    name: NAME,
    requires: ['filesystem/linux'],
    appliesTo: ({ diskLimitBytes }) => diskLimitBytes !== undefined,
    async prepare(input, undo) {
      const limitBytes = input.config.diskLimitBytes;
      if (limitBytes === undefined) return {};
      const directories = boundedDirectories(input);
      if (!(await hasProjectQuotas(files, directories))) return {};
      const project = projectOf(input.uid);
      undo.push('disk quota', () => runHostSteps(releaseSteps(dirname(input.sandboxDir), project)));
      await runHostSteps(directories.map((path) => step(NAME, 'set-project-quota', { path, project, limitBytes })));
      return { project: String(project) };
    },
    plan({ config, prepared, rootfs, sandboxDir, userNamespace }) {
      const { diskLimitBytes: limitBytes } = config;
      if (limitBytes === undefined) return {};
      if (prepared?.project !== undefined) {
        return { diskQuota: { way: 'project', project: Number(prepared.project), limitBytes } };
      }
      if (rootfs?.kind !== 'overlay') throw diskErrors.noLayer({ limitBytes });
      if (userNamespace !== undefined) throw diskErrors.userNamespace({ limitBytes });
      return { diskQuota: { way: 'image', file: `${dirname(sandboxDir)}/disk`, limitBytes } };
    },
    usage: (container) => diskUsage(files, container),
    // Nothing writes any more; what is left goes with its files.
    async cleanup({ uid, config, runtimeDir }) {
      const directory = dirname(runtimeDir);
      if (config.diskLimitBytes === undefined || !(await files.exists(directory))) return;
      if (await hasProjectQuotas(files, [directory])) await runHostSteps(releaseSteps(directory, projectOf(uid)));
    },
  };
}

/** The container's own, where its layer, sandbox and logs are, and the volumes that were made for it. */
function boundedDirectories({ config, sandboxDir, volumeSources = {} }: PlanInput): readonly string[] {
  const own = config.volumes.flatMap((volume) => {
    const source = volumeSources[volume.containerPath];
    return volume.kind === 'named' && volume.anonymous === true && source?.kind === 'directory' ? [source.path] : [];
  });
  return [dirname(sandboxDir), ...own];
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

/** `diskLimitBytes`; with a project quota also `diskUsedBytes`, for statfs(2) of a directory of a project tells the project's bound (ext4 and xfs). */
async function diskUsage(files: Files, { config, runtimeDir }: IsolatedContainer): Promise<UsageValues> {
  if (config.diskLimitBytes === undefined) return {};
  const { diskLimitBytes } = config;
  const directory = dirname(runtimeDir);
  if (!(await files.exists(directory)) || !(await hasProjectQuotas(files, [directory]))) return { diskLimitBytes };
  const { totalBytes, freeBytes } = await files.space(directory);
  return { diskUsedBytes: totalBytes - freeBytes, diskLimitBytes };
}
