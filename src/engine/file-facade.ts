import type { CopiedCount, PathFacts } from '../linux/tree-copy.ts';

export type { CopiedCount, PathFacts } from '../linux/tree-copy.ts';

export interface ReadFilesRequest {
  /** In the container, from its root. */
  readonly path: string;
  /** Of the top in the archive; empty for what is in the directory, without it. */
  readonly name: string;
  /** A symlink at the end of the path is followed, in the container. */
  readonly followLink: boolean;
  /** Extended attributes go along: user ones, and capabilities of files. */
  readonly archive: boolean;
}

export interface WriteFilesRequest {
  /** An existing directory in the container, from its root. */
  readonly path: string;
  /** Owners, setuid, setgid and extended attributes are those of the archive; else all is root's, and has none. */
  readonly archive: boolean;
}

/**
 * Files in and out of a container, as tar. One that runs (or stands still) is looked at with its own mounts, rights and
 * users; of one that has ended there is what its image and it have left, without volumes. Paths are resolved in the
 * container's root: no symlink leads out of it.
 */
export interface FileOperations {
  /** @throws not-found; failed-precondition when there is no root to look into */
  lookAt(id: string, path: string, followLink: boolean): Promise<PathFacts>;
  /**
   * A tar stream, which is whole when it ends without an error. What was not begun can still be refused, by this promise.
   *
   * @throws as `lookAt`; invalid-argument for what is no file of anybody's (a directory of the kernel, a socket)
   */
  read(id: string, request: ReadFilesRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Unpacks a tar stream. Each file appears whole or not at all, in place of one that was there; a directory stays, and takes in what
   * comes. What was unpacked before a failure stays.
   *
   * @throws as `lookAt`; invalid-argument for a damaged archive, and a directory and something else in each other's place;
   *   failed-precondition where it is read-only; resource-exhausted when no room is left; what the source throws
   */
  write(
    id: string,
    request: WriteFilesRequest,
    source: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<CopiedCount>;
}
