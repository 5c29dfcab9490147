import type { Files } from '../../base/effects.ts';
import { defineErrors, systemErrorCode } from '../../model/error.ts';
import { decompressed } from '../compression/decompressed.ts';
import { type CompressionFormat, formatOf, HEAD_BYTES } from '../compression/format.ts';
import { archiveLayout, type LayoutFiles } from '../layout/layout-files.ts';
import type { ImageLimits } from '../limits.ts';
import type { Held, Spool } from './spool.ts';

export const archiveFileErrors = defineErrors('archive-file', {
  relativePath: {
    kind: 'invalid-argument',
    message: (d: { path: string }) => `path ${d.path} is not absolute`,
    remedy: () => 'give the path from / on',
  },
  missing: {
    kind: 'not-found',
    message: (d: { path: string }) => `there is no file ${d.path}`,
  },
  notAFile: {
    kind: 'invalid-argument',
    message: (d: { path: string; kind: string }) => `${d.path} is not a file (${d.kind})`,
  },
  notADirectory: {
    kind: 'invalid-argument',
    message: (d: { path: string; kind: string }) => `${d.path} is not a directory (${d.kind})`,
    remedy: () => 'for the tar file of a root file system write tar:',
  },
});

export interface ArchivePorts {
  readonly files: Files;
  readonly spool: Spool;
  readonly limits: ImageLimits;
  /** What errors call an archive that lies in a file of ours; default its path. */
  readonly shownAs?: string | undefined;
}

/** The regular files of an archive. */
export interface ArchiveFiles extends LayoutFiles {
  close(): void;
}

/**
 * Opens a tar file, also a compressed one: its plain form is held in a file of ours until `close`.
 *
 * @throws {EngineError} `archive-file.*`, `archive.*`, `image-compression.*`
 */
export async function openArchive(path: string, ports: ArchivePorts): Promise<ArchiveFiles> {
  const { files, spool, limits, shownAs = path } = ports;
  const file = await regularFile(files, path);
  if ((await formatOfFile(files, file)) === 'none')
    return { ...(await archiveLayout(files, file, shownAs)), close: () => {} };
  const { sizeBytes: compressedBytes } = await files.status(file);
  const held = await spool.hold(
    decompressed(files.readStream(file), `archive ${shownAs}`, limits, { compressedBytes }),
  );
  try {
    return { ...(await archiveLayout(files, held.path, shownAs)), close: () => letGo(held) };
  } catch (error) {
    letGo(held);
    throw error;
  }
}

/** A start sweeps what could not be removed. */
export function letGo(held: Held): void {
  held.remove().catch(() => {});
}

/** Symlinks are followed. @returns the path itself, without them @throws {EngineError} `archive-file.*` */
export async function regularFile(files: Files, path: string): Promise<string> {
  if (!path.startsWith('/')) throw archiveFileErrors.relativePath({ path });
  try {
    const real = await files.realPath(path);
    const { kind } = await files.status(real);
    // Anything else (a pipe, a device) could make a reader wait for ever.
    if (kind !== 'file') throw archiveFileErrors.notAFile({ path, kind });
    return real;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw archiveFileErrors.missing({ path }, error);
    throw error;
  }
}

async function formatOfFile(files: Files, path: string): Promise<CompressionFormat> {
  return formatOf(await headOf(files.readStream(path, { end: HEAD_BYTES })));
}

/** The first bytes of content, by which its compression is told. */
export async function headOf(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= HEAD_BYTES) break;
  }
  return Buffer.concat(chunks);
}
