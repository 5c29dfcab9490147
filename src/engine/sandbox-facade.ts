import type { FileListing, FilePart, FileRange } from '../linux/browse.ts';

export type { FileEntry, FileListing, FilePart, FileRange } from '../linux/browse.ts';

/**
 * Looking into the sandbox directories of containers, running or not. Paths are relative to the sandbox directory, and no
 * symlink of the container leads out of it.
 */
export interface SandboxOperations {
  /**
   * The entries of a directory, as many as fit into a message (some thousands).
   *
   * @throws not-found; invalid-argument when it is no directory; permission-denied when a symlink leads out
   */
  list(id: string, path: string): Promise<FileListing>;
  /**
   * A part of a regular file, of 512 KiB at most.
   *
   * @throws as `list`; invalid-argument also for a directory, a device, a FIFO
   */
  read(id: string, path: string, range: FileRange): Promise<FilePart>;
}
