import type { Files } from '../../base/effects.ts';
import type { HostPathVolume } from '../../model/container-config.ts';
import { defineErrors, systemErrorCode } from '../../model/error.ts';
import type { BindMount } from '../../model/launch-plan.ts';
import type { Isolator, PreparedFacts } from '../isolator.ts';

export const hostPathErrors = defineErrors('volume/host_path', {
  missing: {
    kind: 'not-found',
    message: (d: { hostPath: string; containerPath: string }) =>
      `host path ${d.hostPath} of the volume at ${d.containerPath} does not exist`,
    remedy: (d: { hostPath: string }) => `make it first, for example with: mkdir -p ${d.hostPath}`,
  },
  reserved: {
    kind: 'invalid-argument',
    message: (d: { hostPath: string; containerPath: string; reserved: string }) =>
      `volume ${d.hostPath} at ${d.containerPath} would lie over ${d.reserved}, which the engine itself must trust`,
    remedy: () => 'mount it elsewhere in the container',
  },
});

/**
 * Where a volume could fake what the engine or the kernel reads through (CVE-2019-16884, CVE-2025-52881): all of
 * /proc, and the very mount points of /sys, /dev and the terminals.
 */
const RESERVED: readonly { readonly path: string; readonly below: boolean }[] = [
  { path: '/proc', below: true },
  { path: '/sys', below: false },
  { path: '/dev', below: false },
  { path: '/dev/pts', below: true },
];

/** Isolator `volume/host_path`: directories and files of the host seen in the container (`-v`). */
export function hostPathVolumes({ files }: { readonly files: Files }): Isolator {
  return {
    name: 'volume/host_path',
    requires: ['filesystem/linux'],
    appliesTo: ({ volumes }) => volumes.length > 0,
    async prepare({ config }): Promise<PreparedFacts> {
      const kinds = await Promise.all(
        config.volumes.map(async (volume) => [volume.containerPath, await kindOf(files, volume)] as const),
      );
      return Object.fromEntries(kinds);
    },
    plan({ config, prepared = {} }) {
      return { mounts: config.volumes.map((volume) => bind(volume, prepared[volume.containerPath])) };
    },
  };
}

/** What must be made at the target: a directory for a directory, a file for anything else. */
async function kindOf(files: Files, { hostPath, containerPath }: HostPathVolume): Promise<'directory' | 'file'> {
  try {
    const { kind } = await files.status(await files.realPath(hostPath));
    return kind === 'directory' ? 'directory' : 'file';
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) {
      throw hostPathErrors.missing({ hostPath, containerPath }, error);
    }
    throw error;
  }
}

/** Without facts from `prepare` nothing is made, and the target must be there. */
function bind({ hostPath, containerPath, readOnly }: HostPathVolume, kind: string | undefined): BindMount {
  const reserved = RESERVED.find(
    ({ path, below }) => containerPath === path || (below && isBelow(containerPath, path)),
  );
  if (reserved !== undefined) throw hostPathErrors.reserved({ hostPath, containerPath, reserved: reserved.path });
  return {
    kind: 'bind',
    source: hostPath,
    target: containerPath,
    // As with other engines a volume grants no device: `/:/host:ro` would else hand out a writable disk.
    attributes: readOnly ? ['ro', 'nodev'] : ['nodev'],
    recursive: true,
    create: kind === 'directory' || kind === 'file' ? kind : 'nothing',
  };
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(`${directory}/`);
}
