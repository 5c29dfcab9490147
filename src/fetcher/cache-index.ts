import type { Files } from '../base/effects.ts';
import { type Digest, isDigest } from '../model/digest.ts';
import { systemErrorCode } from '../model/error.ts';

/** A file that is kept. */
export interface KeptFile {
  /** Of the address and the wanted digest. */
  readonly key: string;
  /** Of the file; each download has another one. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly digest: Digest;
  readonly usedAtMs: number;
}

const VERSION = 1;
const KEY = /^[0-9a-f]{64}$/;
const NAME = /^[0-9a-f]{32}$/;

/** Reads the list of kept files; what cannot be read is an empty list, for all of it can be fetched again. */
export async function readCacheIndex(files: Files, path: string): Promise<readonly KeptFile[]> {
  let document: unknown;
  try {
    document = JSON.parse(await files.readText(path));
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
  const { schemaVersion, kept } = (document ?? {}) as { readonly schemaVersion?: unknown; readonly kept?: unknown };
  return schemaVersion === VERSION && Array.isArray(kept) ? kept.filter(isKeptFile) : [];
}

export async function writeCacheIndex(files: Files, path: string, kept: readonly KeptFile[]): Promise<void> {
  await files.writeAtomic(path, JSON.stringify({ schemaVersion: VERSION, kept }));
}

function isKeptFile(value: unknown): value is KeptFile {
  const { key, name, sizeBytes, digest, usedAtMs } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof key === 'string' &&
    KEY.test(key) &&
    typeof name === 'string' &&
    NAME.test(name) &&
    Number.isSafeInteger(sizeBytes) &&
    typeof digest === 'string' &&
    isDigest(digest) &&
    typeof usedAtMs === 'number'
  );
}

/**
 * What must go so that `newBytes` more have room, the longest unused first, of equal ones the first; `undefined` when there is no room for them,
 * whatever goes.
 */
export function evicted(
  kept: readonly KeptFile[],
  {
    newBytes,
    maxBytes,
    inUse,
  }: { readonly newBytes: number; readonly maxBytes: number; readonly inUse: (key: string) => boolean },
): readonly KeptFile[] | undefined {
  let total = kept.reduce((sum, { sizeBytes }) => sum + sizeBytes, newBytes);
  const gone: KeptFile[] = [];
  for (const file of [...kept].sort((one, other) => one.usedAtMs - other.usedAtMs)) {
    if (total <= maxBytes) break;
    if (inUse(file.key)) continue;
    gone.push(file);
    total -= file.sizeBytes;
  }
  return total <= maxBytes ? gone : undefined;
}
