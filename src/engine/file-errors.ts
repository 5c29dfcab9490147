import { fetcherErrors } from '../fetcher/errors.ts';
import { defineErrors, EngineError } from '../model/error.ts';

/** Where something is, or was to be. */
export interface FilePlace {
  /** Of the container. */
  readonly uid: string;
  readonly path: string;
  /** What was being fetched for it; absent of what is copied. */
  readonly uri?: string;
  /** The path is in this image that something is fetched from, and not in the container. */
  readonly image?: string;
}

/** The place in words, after the address of what is fetched. */
function at({ uid, path, image }: FilePlace): string {
  return image === undefined ? `${path} in container ${uid}` : `${path} in image ${image}`;
}

function of({ uri }: FilePlace): string {
  return uri === undefined ? '' : `${uri}: `;
}

export const fileErrors = defineErrors('files', {
  missing: {
    kind: 'not-found',
    message: (d: FilePlace) => `${of(d)}there is no ${at(d)}`,
    remedy: (d: FilePlace) =>
      d.image === undefined
        ? 'look at the path: links in it lead inside of the container alone'
        : 'look at the path after # in the address',
  },
  notDirectory: {
    kind: 'invalid-argument',
    message: (d: FilePlace) => `${of(d)}${at(d)} is no directory, and one is needed there`,
  },
  isDirectory: {
    kind: 'invalid-argument',
    message: (d: FilePlace) => `${of(d)}${at(d)} is a directory, and something else was to take its place`,
    remedy: () => 'remove it there first, or copy to another path',
  },
  badLinks: {
    kind: 'invalid-argument',
    message: (d: FilePlace) => `${of(d)}${at(d)} goes through symlinks that lead nowhere, or too deep`,
  },
  readOnly: {
    kind: 'failed-precondition',
    message: (d: FilePlace) => `${of(d)}${at(d)} is read-only`,
    remedy: () => 'copy to a volume or a tmpfs of it that may be written',
  },
  mounted: {
    kind: 'failed-precondition',
    message: (d: FilePlace) => `${of(d)}something is mounted on ${at(d)}, so nothing can take its place`,
    remedy: () => 'change what is mounted there itself',
  },
  noSpace: {
    kind: 'resource-exhausted',
    message: (d: FilePlace) => `${of(d)}no space is left for ${at(d)}`,
    remedy: () => 'free some space there, or give it more: isopod update --disk',
  },
  notPermitted: {
    kind: 'permission-denied',
    message: (d: FilePlace) => `${of(d)}${at(d)} is not permitted`,
    remedy: () => 'devices are never made in a container, and owners are kept only where the agent may give files away',
  },
  notFiles: {
    kind: 'invalid-argument',
    message: (d: FilePlace) => `${of(d)}${at(d)} is nothing that can be copied: a directory of the kernel, or a socket`,
    remedy: () => 'name a file in it',
  },
  endless: {
    kind: 'resource-exhausted',
    message: (d: FilePlace) => `${of(d)}${at(d)} is a file of the kernel with more than 1 MiB`,
    remedy: () => 'read it with isopod exec',
  },
  changed: {
    kind: 'unavailable',
    message: (d: FilePlace) => `${of(d)}${at(d)} became shorter while it was copied`,
    remedy: () => 'try again, or pause the container for the copy',
  },
  badArchive: {
    kind: 'invalid-argument',
    message: (d: FilePlace & { readonly meaning: string }) =>
      `the archive for container ${d.uid} is damaged, or breaks off, at ${d.path}: ${d.meaning}`,
    remedy: () => 'make the archive anew, and send all of it',
  },
  failed: {
    kind: 'internal',
    message: (d: FilePlace & { readonly meaning: string }) => `${of(d)}${at(d)}: ${d.meaning}`,
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

type ByPlace = (place: FilePlace, cause?: unknown) => EngineError;

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

/** What the helper refused, as who copies or fetches is told. Pure. */
export function fileError(error: unknown, asked: FilePlace): unknown {
  if (!(error instanceof EngineError) || error.code !== 'copy.refused') return error;
  const { errno, meaning, path: named } = error.details as Readonly<Record<string, string>>;
  const { uid, path, uri } = asked;
  if (errno === 'ESRCH') return fileErrors.ended({ uid }, error);
  const place = { ...asked, path: named === undefined || named === '' ? path : named };
  const known = BY_ERRNO[errno ?? ''];
  if (known !== undefined) return known(place, error);
  const told = { ...place, meaning: meaning ?? '' };
  if (!OF_ARCHIVES.has(errno ?? '')) return fileErrors.failed(told, error);
  if (uri === undefined) return fileErrors.badArchive(told, error);
  return fetcherErrors.badArchive({ what: uri, entry: named ?? '', reason: told.meaning }, error);
}
