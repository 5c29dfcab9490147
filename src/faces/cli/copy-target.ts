import { posix } from 'node:path';
import { defineErrors } from '../../model/error.ts';

export const copyTargetErrors = defineErrors('copy-target', {
  noDirectory: {
    kind: 'invalid-argument',
    message: (d: { path: string }) => `${d.path} ends with a slash and is no directory`,
    remedy: () => 'make the directory first, or leave the slash out',
  },
  special: {
    kind: 'invalid-argument',
    message: (d: { path: string }) => `${d.path} is a device, a pipe or a socket, which a copy would take the place of`,
    remedy: () => 'name a file or a directory; `isopod cp CONTAINER:PATH -` writes a tar stream to standard output',
  },
  directoryOntoFile: {
    kind: 'invalid-argument',
    message: (d: { source: string; target: string }) => `${d.source} is a directory, and ${d.target} is none`,
    remedy: () => 'name a directory, or a path where nothing is',
  },
});

/** One side of a copy, as it was written. */
export type CopySide =
  | { readonly kind: 'stream' }
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'container'; readonly id: string; readonly path: string };

/**
 * What a word of a command line means: `-`, `CONTAINER:PATH`, or a path of the caller's. One that begins with a slash or a dot is the latter,
 * whatever it holds. Pure.
 */
export function copySide(word: string): CopySide {
  if (word === '-') return { kind: 'stream' };
  const colon = word.indexOf(':');
  if (colon <= 0 || word.startsWith('/') || word.startsWith('.')) return { kind: 'local', path: word };
  return { kind: 'container', id: word.slice(0, colon), path: word.slice(colon + 1) };
}

/** How a path was written says what is meant: `dir/` the directory, `dir/.` what is in it. */
export interface WrittenPath {
  /** Absolute, without `.` and `..`. */
  readonly path: string;
  readonly endsWithSlash: boolean;
  readonly isContent: boolean;
}

/** @param from an absolute directory that it is relative to. Pure */
export function writtenPath(text: string, from: string): WrittenPath {
  const isContent = /(^|\/)\.$/.test(text);
  return { path: posix.resolve(from, text), endsWithSlash: text.endsWith('/') || isContent, isContent };
}

export type FoundKind = 'directory' | 'file' | 'special' | 'missing';

/** Into which directory an archive is unpacked, and what its top is called; with an empty name it has none. */
export interface CopyPlan {
  readonly directory: string;
  readonly name: string;
}

/**
 * Where a copy goes, by the rules of cp(1) that docker has, too: into a directory that is there, in the place of a file, or
 * where nothing is. Pure.
 *
 * @throws {EngineError} `copy-target.*` (invalid-argument)
 */
export function copyPlan(
  source: WrittenPath & { readonly isDirectory: boolean },
  target: WrittenPath & { readonly found: FoundKind },
): CopyPlan {
  const { isDirectory } = source;
  if (source.endsWithSlash && !isDirectory) throw copyTargetErrors.noDirectory({ path: source.path });
  if (target.found === 'directory') {
    // The root has no name of its own.
    const name = source.isContent ? '' : posix.basename(source.path);
    return { directory: target.path, name };
  }
  if (target.found === 'special') throw copyTargetErrors.special({ path: target.path });
  const isFileWanted = target.found === 'file' || !isDirectory;
  if (target.endsWithSlash && isFileWanted) throw copyTargetErrors.noDirectory({ path: target.path });
  if (target.found === 'file' && isDirectory) {
    throw copyTargetErrors.directoryOntoFile({ source: source.path, target: target.path });
  }
  return { directory: posix.dirname(target.path), name: posix.basename(target.path) };
}
