import { defineErrors, EngineError } from '../model/error.ts';

interface Place {
  readonly uid: string;
  readonly path: string;
}

export const fileErrors = defineErrors('files', {
  missing: {
    kind: 'not-found',
    message: (d: Place) => `there is no ${d.path} in container ${d.uid}`,
  },
  notDirectory: {
    kind: 'invalid-argument',
    message: (d: Place) => `${d.path} in container ${d.uid} is no directory, and one is needed there`,
  },
  isDirectory: {
    kind: 'invalid-argument',
    message: (d: Place) => `${d.path} in container ${d.uid} is a directory, and something else was to take its place`,
    remedy: () => 'remove it there first, or copy to another path',
  },
  badLinks: {
    kind: 'invalid-argument',
    message: (d: Place) => `${d.path} in container ${d.uid} goes through symlinks that lead nowhere, or too deep`,
  },
  readOnly: {
    kind: 'failed-precondition',
    message: (d: Place) => `${d.path} in container ${d.uid} is read-only`,
    remedy: () => 'copy to a volume or a tmpfs of it that may be written',
  },
  mounted: {
    kind: 'failed-precondition',
    message: (d: Place) => `something is mounted on ${d.path} in container ${d.uid}, so nothing can take its place`,
    remedy: () => 'change what is mounted there itself',
  },
  noSpace: {
    kind: 'resource-exhausted',
    message: (d: Place) => `no space is left for ${d.path} in container ${d.uid}`,
    remedy: () => 'free some space there, or give it more: isopod update --disk',
  },
  notPermitted: {
    kind: 'permission-denied',
    message: (d: Place) => `${d.path} in container ${d.uid} is not permitted`,
    remedy: () => 'devices are never made in a container, and owners are kept only where the agent may give files away',
  },
  notFiles: {
    kind: 'invalid-argument',
    message: (d: Place) =>
      `${d.path} in container ${d.uid} is nothing that can be copied: a directory of the kernel, or a socket`,
    remedy: () => 'name a file in it',
  },
  endless: {
    kind: 'resource-exhausted',
    message: (d: Place) => `${d.path} in container ${d.uid} is a file of the kernel with more than 1 MiB`,
    remedy: () => 'read it with isopod exec',
  },
  changed: {
    kind: 'unavailable',
    message: (d: Place) => `${d.path} in container ${d.uid} became shorter while it was copied`,
    remedy: () => 'try again, or pause the container for the copy',
  },
  badArchive: {
    kind: 'invalid-argument',
    message: (d: Place & { readonly meaning: string }) =>
      `the archive for container ${d.uid} is damaged, or breaks off, at ${d.path}: ${d.meaning}`,
  },
  failed: {
    kind: 'internal',
    message: (d: Place & { readonly meaning: string }) => `${d.path} in container ${d.uid}: ${d.meaning}`,
  },
  ended: {
    kind: 'unavailable',
    message: (d: { uid: string }) => `container ${d.uid} has ended just now`,
    remedy: () => 'try again: what it has left can be copied once it is cleaned up',
  },
  notStarted: {
    kind: 'failed-precondition',
    message: (d: { uid: string; state: string }) => `container ${d.uid} is ${d.state}, and has no root yet`,
    remedy: () => 'wait until it runs',
  },
  noRoot: {
    kind: 'failed-precondition',
    message: (d: { uid: string; why: string }) => `container ${d.uid} has ended, and ${d.why}`,
    remedy: () => 'copy while it runs, or have it write to a volume',
  },
  mayStart: {
    kind: 'failed-precondition',
    message: (d: { uid: string }) => `container ${d.uid} has ended and may be started again at any moment`,
    remedy: (d: { uid: string }) => `stop it first (isopod stop ${d.uid}), or wait until it runs`,
  },
  busy: {
    kind: 'failed-precondition',
    message: (d: { uid: string }) => `another copy into container ${d.uid}, which has ended, is under way`,
    remedy: () => 'one after the other: try again',
  },
});

type ByPlace = (place: Place, cause?: unknown) => EngineError;

const BY_ERRNO: Readonly<Record<string, ByPlace>> = {
  ENOENT: fileErrors.missing,
  ENAMETOOLONG: fileErrors.missing,
  ENOTDIR: fileErrors.notDirectory,
  EISDIR: fileErrors.isDirectory,
  EEXIST: fileErrors.isDirectory,
  ELOOP: fileErrors.badLinks,
  EXDEV: fileErrors.badLinks,
  EROFS: fileErrors.readOnly,
  EBUSY: fileErrors.mounted,
  ENOSPC: fileErrors.noSpace,
  EDQUOT: fileErrors.noSpace,
  EPERM: fileErrors.notPermitted,
  EACCES: fileErrors.notPermitted,
  ENOTSUP: fileErrors.notFiles,
  EFBIG: fileErrors.endless,
  ESTALE: fileErrors.changed,
};
/** What only an archive can be at fault for. */
const OF_ARCHIVES: ReadonlySet<string> = new Set(['EBADMSG', 'EINVAL', 'EMSGSIZE', 'E2BIG']);

/** What the helper refused, as who copies is told. Pure. */
export function fileError(error: unknown, { uid, path }: Place): unknown {
  if (!(error instanceof EngineError) || error.code !== 'copy.refused') return error;
  const { errno, meaning, path: named } = error.details as Readonly<Record<string, string>>;
  if (errno === 'ESRCH') return fileErrors.ended({ uid }, error);
  const place = { uid, path: named === undefined || named === '' ? path : named };
  const known = BY_ERRNO[errno ?? ''];
  if (known !== undefined) return known(place, error);
  const told = { ...place, meaning: meaning ?? '' };
  return OF_ARCHIVES.has(errno ?? '') ? fileErrors.badArchive(told, error) : fileErrors.failed(told, error);
}
