import type { Files } from '../../base/effects.ts';
import { defineErrors, systemErrorCode } from '../../model/error.ts';
import { hostIdOf } from '../../model/id-mapping.ts';
import type { BindMount, Contribution, NewMount } from '../../model/launch-plan.ts';
import type { Isolator, PlanInput, PreparedFacts } from '../isolator.ts';
import { DEV, DEV_PTS } from './devices.ts';
import { hidden, NOTHING_HIDDEN, usuallyHidden } from './hidden-paths.ts';

export const filesystemErrors = defineErrors('filesystem/linux', {
  rootfsMissing: {
    kind: 'not-found',
    message: (d: { path: string }) => `root file system ${d.path} does not exist`,
  },
  rootfsNotDirectory: {
    kind: 'invalid-argument',
    message: (d: { path: string; found: string }) => `root file system ${d.path} is a ${d.found}, not a directory`,
    remedy: () => 'give the directory itself; a link could be turned elsewhere while the container starts',
  },
});

const PROC: NewMount = {
  kind: 'new',
  type: 'proc',
  source: 'proc',
  target: '/proc',
  options: [],
  attributes: ['nosuid', 'nodev', 'noexec'],
};

const TTY_GROUP = 5;
const SHARED_NETWORKS: readonly string[] = ['network/host', 'network/container'];

const SYS: NewMount = {
  kind: 'new',
  type: 'sysfs',
  source: 'sysfs',
  target: '/sys',
  options: [],
  attributes: ['ro', 'nosuid', 'nodev', 'noexec'],
};

/**
 * Isolator `filesystem/linux`: a mount namespace of its own, cut off from the host's propagation; with a rootfs also
 * /proc, /sys, /dev and what of them is hidden. Without a rootfs the container sees the host's files, starts in its
 * sandbox directory, and gets a /proc of its own when it has processes of its own.
 */
export function filesystemLinux({ files }: { readonly files: Files }): Isolator {
  return {
    name: 'filesystem/linux',
    requires: [],
    async prepare({ config }): Promise<PreparedFacts> {
      if (config.rootfs.kind === 'directory') await checkDirectory(files, config.rootfs.path);
      return {};
    },
    plan(input) {
      return input.rootfs === undefined ? hostTree(input) : ownTree(input, input.rootfs);
    },
  };
}

async function checkDirectory(files: Files, path: string): Promise<void> {
  try {
    const { kind } = await files.status(path);
    if (kind !== 'directory') throw filesystemErrors.rootfsNotDirectory({ path, found: kind });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) {
      throw filesystemErrors.rootfsMissing({ path }, error);
    }
    throw error;
  }
}

/** What of the host's /sys stands in its place: the kernel makes a new one for who has rights over its network only. */
const SYS_OF_HOST: BindMount = {
  kind: 'bind',
  source: '/sys',
  target: '/sys',
  attributes: ['ro', 'nosuid', 'nodev', 'noexec'],
  recursive: false,
  create: 'directory',
  keepOwners: true,
};

/** Terminals belong to the group `tty`, unless the user namespace has no such id. */
function terminals({ userNamespace }: PlanInput): NewMount {
  if (userNamespace === undefined || hostIdOf(userNamespace.gids, TTY_GROUP) !== undefined) return DEV_PTS;
  return { ...DEV_PTS, options: DEV_PTS.options.filter((option) => !option.startsWith('gid=')) };
}

function ownNetwork(isolators: readonly string[]): boolean {
  return isolators.some((name) => name.startsWith('network/') && !SHARED_NETWORKS.includes(name));
}

function ownTree(input: PlanInput, rootfs: NonNullable<PlanInput['rootfs']>): Contribution {
  const { config, host, isolators, userNamespace } = input;
  const { privileged = false, hiddenPaths } = config.security;
  const sys = userNamespace === undefined || ownNetwork(isolators) ? SYS : SYS_OF_HOST;
  const attributes = sys.attributes.filter((attribute) => attribute !== 'ro' || !privileged);
  const usual = privileged ? NOTHING_HIDDEN : usuallyHidden(host.cpuCount);
  return {
    namespaces: ['mount'],
    rootfs,
    ...(config.readOnlyRootfs ? { readOnlyRootfs: true } : {}),
    mounts: [PROC, { ...sys, attributes }, DEV, terminals(input), ...debugLinks(input)],
    ...hidden(usual, hiddenPaths),
  };
}

/** Where a debug container finds the files of the container that it looks into: links through its first process. */
function debugLinks({ parent }: PlanInput): readonly NewMount[] {
  if (parent?.debugged === undefined) return [];
  const { pid } = parent.debugged;
  const link = (path: string) => ({ kind: 'symlink', path, target: `/proc/${pid}/${path}` }) as const;
  return [
    {
      ...{ kind: 'new', type: 'tmpfs', source: 'tmpfs', target: '/target' },
      ...{ options: ['mode=755'], attributes: ['ro', 'nosuid', 'nodev', 'noexec'] },
      content: [link('root'), link('cwd'), link('exe')],
    },
  ];
}

function hostTree({ config, isolators, sandboxDir }: PlanInput): Contribution {
  const { maskedPaths } = hidden(NOTHING_HIDDEN, config.security.hiddenPaths);
  return {
    namespaces: ['mount'],
    workdir: sandboxDir,
    ...(isolators.includes('namespaces/pid') && { mounts: [PROC] }),
    ...(maskedPaths.length > 0 && { maskedPaths }),
  };
}
