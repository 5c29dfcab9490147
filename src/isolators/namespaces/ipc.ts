import type { NewMount } from '../../model/launch-plan.ts';
import type { Isolator } from '../isolator.ts';
import { isVolumeTarget } from '../volume/volume-target.ts';

const SHM: NewMount = {
  kind: 'new',
  type: 'tmpfs',
  source: 'shm',
  target: '/dev/shm',
  options: ['mode=1777', 'size=64m'],
  attributes: ['nosuid', 'nodev', 'noexec'],
};

const MQUEUE: NewMount = {
  kind: 'new',
  type: 'mqueue',
  source: 'mqueue',
  target: '/dev/mqueue',
  options: [],
  attributes: ['nosuid', 'nodev', 'noexec'],
};

/**
 * Isolator `namespaces/ipc`: System V and POSIX queues, semaphores and shared memory of its own. /dev/shm holds 64 MiB,
 * as Docker's does; a volume of the caller at /dev/shm takes its place.
 *
 * Without a rootfs /dev is the host's, and only a /dev/shm that is there can be covered; every distribution has it,
 * while /dev/mqueue is a choice of the administrator and is left alone.
 */
export function ipcNamespace(): Isolator {
  return {
    name: 'namespaces/ipc',
    requires: ['filesystem/linux'],
    plan({ config, rootfs }) {
      const wanted = rootfs === undefined ? [SHM] : [SHM, MQUEUE];
      return { namespaces: ['ipc'], mounts: wanted.filter(({ target }) => !isVolumeTarget(config, target)) };
    },
  };
}
