import type { Files } from '../../base/effects.ts';
import { mountOf, parseMountInfo } from '../../linux/mountinfo.ts';
import { defineErrors, systemErrorCode } from '../../model/error.ts';
import type { BindMount } from '../../model/launch-plan.ts';
import type { HostPathVolume } from '../../model/volume.ts';
import type { Isolator, PreparedFacts } from '../isolator.ts';
import { hasVolume, volumesOf } from './place.ts';
import { shownAttributes, shownTreatment } from './shown.ts';

export const hostPathErrors = defineErrors('volume/host_path', {
  missing: {
    kind: 'not-found',
    message: (d: { hostPath: string; containerPath: string }) =>
      `host path ${d.hostPath} of the volume at ${d.containerPath} does not exist`,
    remedy: (d: { hostPath: string }) => `make it first, for example with: mkdir -p ${d.hostPath}`,
  },
  notShared: {
    kind: 'failed-precondition',
    message: (d: { hostPath: string; propagation: string; mountPoint: string }) =>
      `propagation r${d.propagation} was asked for ${d.hostPath}, and the mount that it is on, ${d.mountPoint}, is not ${
        d.propagation === 'shared' ? 'shared' : 'shared or a slave'
      }`,
    remedy: (d: { mountPoint: string }) => `make it so first: mount --make-rshared ${d.mountPoint}`,
  },
});

const OWN_MOUNTS = '/proc/self/mountinfo';

/** Isolator `volume/host_path`: directories, files and devices of the host seen in the container. */
export function hostPathVolumes({ files }: { readonly files: Files }): Isolator {
  return {
    name: 'volume/host_path',
    requires: ['filesystem/linux'],
    appliesTo: (config) => hasVolume(config, 'host-path'),
    async prepare({ config }): Promise<PreparedFacts> {
      const volumes = volumesOf(config, 'host-path');
      const kinds = await Promise.all(
        volumes.map(async (volume) => [volume.containerPath, await examine(files, volume)] as const),
      );
      return Object.fromEntries(kinds);
    },
    plan({ config, prepared = {} }) {
      return { mounts: volumesOf(config, 'host-path').map((volume) => bind(volume, prepared[volume.containerPath])) };
    },
  };
}

type SourceKind = 'directory' | 'file' | 'device';

/** What it is decides what is made at the target: a directory for a directory, a file for anything else. */
async function examine(files: Files, volume: HostPathVolume): Promise<SourceKind> {
  const { hostPath, containerPath } = volume;
  try {
    const path = await files.realPath(hostPath);
    const { kind, node } = await files.status(path);
    await checkPropagation(files, volume, path);
    if (node !== undefined) return 'device';
    return kind === 'directory' ? 'directory' : 'file';
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) {
      throw hostPathErrors.missing({ hostPath, containerPath }, error);
    }
    throw error;
  }
}

/** Nothing propagates to or from a private mount, so a promise of propagation would be empty. */
async function checkPropagation(files: Files, { hostPath, propagation }: HostPathVolume, path: string): Promise<void> {
  if (propagation === undefined || propagation === 'private') return;
  const mount = mountOf(parseMountInfo(await files.readText(OWN_MOUNTS)), path);
  if (mount?.isShared === true || (propagation === 'slave' && mount?.isSlave === true)) return;
  throw hostPathErrors.notShared({ hostPath, propagation, mountPoint: mount?.mountPoint ?? '/' });
}

/** Without facts from `prepare` nothing is made, and the target must be there. */
function bind(volume: HostPathVolume, kind: string | undefined): BindMount {
  const { hostPath, containerPath, recursion = 'enabled', propagation = 'private' } = volume;
  const attributes = shownAttributes(volume, kind === 'device');
  const topOnly = recursion === 'writable' && volume.readOnly;
  return {
    kind: 'bind',
    source: hostPath,
    target: containerPath,
    attributes: topOnly ? attributes.filter((name) => name !== 'ro') : attributes,
    ...(topOnly ? { topAttributes: ['ro'] } : {}),
    recursive: recursion !== 'disabled',
    create: kind === 'directory' ? 'directory' : kind === undefined ? 'nothing' : 'file',
    ...(propagation === 'private' ? {} : { propagation }),
    ...shownTreatment(volume),
  };
}
