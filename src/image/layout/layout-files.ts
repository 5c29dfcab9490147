import type { Files } from '../../base/effects.ts';
import { systemErrorCode } from '../../model/error.ts';
import { readTarIndex } from './tar-index.ts';

/** The files of an OCI image layout, wherever they lie. Paths are relative to the layout. */
export interface LayoutFiles {
  /** @returns undefined when there is no such regular file */
  sizeOf(path: string): Promise<number | undefined>;
  /** @param startByte default 0 */
  read(path: string, startByte?: number): AsyncIterable<Uint8Array>;
}

/** A layout in a directory. */
export function directoryLayout(files: Files, directory: string): LayoutFiles {
  return {
    sizeOf: async (path) => {
      try {
        const status = await files.status(`${directory}/${path}`);
        // Anything else (a pipe, a device) could make a reader wait for ever.
        return status.kind === 'file' ? status.sizeBytes : undefined;
      } catch (error) {
        if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return undefined;
        throw error;
      }
    },
    read: (path, start = 0) => files.readStream(`${directory}/${path}`, { start }),
  };
}

/**
 * A layout in an uncompressed tar file; the archive's own table is read once, here.
 *
 * @param shownAs what errors call it; default its path
 */
export async function archiveLayout(files: Files, file: string, shownAs?: string): Promise<LayoutFiles> {
  const members = await readTarIndex(files, file, shownAs);
  return {
    sizeOf: async (path) => members.get(path)?.sizeBytes,
    read: async function* (path, startByte = 0) {
      const member = members.get(path);
      if (member === undefined) return;
      const { offset, sizeBytes } = member;
      yield* files.readStream(file, { start: offset + Math.min(startByte, sizeBytes), end: offset + sizeBytes });
    },
  };
}
