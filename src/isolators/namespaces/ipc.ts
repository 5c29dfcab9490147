import type { Files } from '../../base/effects.ts';
import { defineErrors } from '../../model/error.ts';
import type { BindMount, Contribution, Mount, NewMount } from '../../model/launch-plan.ts';
import type { IpcChoice } from '../../model/namespace-config.ts';
import type { Isolator, PlanInput, PreparedFacts } from '../isolator.ts';
import { isVolumeTarget } from '../volume/volume-target.ts';
import { joinedContainer, joinParent } from './joined.ts';

export const ipcErrors = defineErrors('namespaces/ipc', {
  notShareable: {
    kind: 'failed-precondition',
    message: (d: { container: string; mode: string }) =>
      `the ipc namespace of container ${d.container} is ${d.mode}, which nobody may join`,
    remedy: () => 'run that one with --ipc shareable',
  },
});

const ATTRIBUTES = ['nosuid', 'nodev', 'noexec'] as const;
const SHM_TARGET = '/dev/shm';
const MQUEUE_TARGET = '/dev/mqueue';
/** As Docker's. */
const DEFAULT_SHM = 'size=64m';

const MQUEUE: NewMount = {
  kind: 'new',
  type: 'mqueue',
  source: 'mqueue',
  target: MQUEUE_TARGET,
  options: [],
  attributes: ATTRIBUTES,
};

/**
 * Isolator `namespaces/ipc`: System V and POSIX queues, semaphores and shared memory. Of its own they come with a
 * /dev/shm of 64 MiB, unless the caller gives a size; who shares those of the host or of another container sees that
 * one's /dev/shm. A volume of the caller at /dev/shm takes its place.
 *
 * Without a rootfs /dev is the host's, and only a /dev/shm that is there can be covered; every distribution has it,
 * while /dev/mqueue is a choice of the administrator and is left alone.
 */
export function ipcNamespace({ files }: { readonly files: Files }): Isolator {
  return {
    name: 'namespaces/ipc',
    requires: ['filesystem/linux'],
    async prepare({ config, userNamespace }): Promise<PreparedFacts> {
      const isAsked = userNamespace !== undefined && choiceOf(config.namespaces).kind === 'host';
      return isAsked && (await files.exists(MQUEUE_TARGET)) ? { queues: MQUEUE_TARGET } : {};
    },
    plan(input) {
      const { mounts = [], ...rest } = contribution(input, choiceOf(input.config.namespaces));
      return { ...rest, mounts: mounts.filter(({ target }) => !isVolumeTarget(input.config, target)) };
    },
  };
}

function choiceOf(namespaces: PlanInput['config']['namespaces']): IpcChoice {
  return namespaces?.ipc ?? { kind: 'private' };
}

function contribution(input: PlanInput, choice: IpcChoice): Contribution {
  const queues = input.rootfs === undefined ? [] : [MQUEUE];
  switch (choice.kind) {
    case 'private':
    case 'shareable':
      return { namespaces: ['ipc'], mounts: [ownShm(input), ...queues] };
    case 'none':
      return { namespaces: ['ipc'], mounts: queues };
    case 'host':
      return { mounts: input.rootfs === undefined ? [] : [bindOfHost(SHM_TARGET), ...foreignQueues(input)] };
    case 'container':
      return joined(input, choice.container);
    case 'parent':
      return ofParent(input);
  }
}

function ownShm({ config }: PlanInput): NewMount {
  const bytes = config.namespaces?.shmBytes;
  return {
    kind: 'new',
    type: 'tmpfs',
    source: 'shm',
    target: SHM_TARGET,
    options: ['mode=1777', bytes === undefined ? DEFAULT_SHM : `size=${bytes}`],
    attributes: ATTRIBUTES,
  };
}

function joined(input: PlanInput, name: string): Contribution {
  const { init, config } = joinedContainer(input, name);
  const mode = choiceOf(config.namespaces).kind;
  if (mode === 'private' || mode === 'none') throw ipcErrors.notShareable({ container: name, mode });
  const shm: Mount = { kind: 'shared', source: SHM_TARGET, target: SHM_TARGET, attributes: ATTRIBUTES, of: init };
  return { joins: [{ kind: 'ipc', of: init }], mounts: [shm, ...foreignQueues(input)] };
}

/**
 * As its parent has them. The namespace is that of the parent's user namespace, if it is the parent's own, so the kernel
 * mounts its queues for whoever lives in both.
 */
function ofParent(input: PlanInput): Contribution {
  const { parent, rootfs } = input;
  if (parent === undefined) throw new Error('a nested container was planned without its parent');
  if (!parent.namespaces.includes('ipc')) return contribution(input, { kind: 'host' });
  const hasShm = choiceOf(parent.config.namespaces).kind !== 'none';
  const shm: Mount = {
    kind: 'shared',
    source: SHM_TARGET,
    target: SHM_TARGET,
    attributes: ATTRIBUTES,
    of: parent.init,
  };
  return { ...joinParent(input, 'ipc'), mounts: [...(hasShm ? [shm] : []), ...(rootfs === undefined ? [] : [MQUEUE])] };
}

/** The kernel mounts the queues of a namespace for who has rights over it, and in a user namespace nobody has. */
function foreignQueues({ rootfs, userNamespace, prepared }: PlanInput): readonly Mount[] {
  if (rootfs === undefined) return [];
  if (userNamespace === undefined) return [MQUEUE];
  return prepared?.queues === undefined ? [] : [bindOfHost(prepared.queues)];
}

/** As its name says it is everybody's, so its owners stay what they are. */
function bindOfHost(path: string): BindMount {
  const attributes = ATTRIBUTES;
  return {
    kind: 'bind',
    source: path,
    target: path,
    attributes,
    recursive: false,
    create: 'directory',
    keepOwners: true,
  };
}
