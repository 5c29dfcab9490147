import { type TarEntry, TYPE, tarArchive } from './tar-writer.ts';

/** Paths of what another engine makes otherwise, and why that is not ours to follow. */
export interface Difference {
  readonly paths: readonly string[];
  readonly because: string;
}

/** An image of the zoo: layers, bottom first, and what other engines make of it that differs from ours. */
export interface ZooImage {
  readonly name: string;
  readonly layers: readonly Buffer[];
  readonly umociDiffers?: Difference;
  readonly podmanDiffers?: Difference;
  /** Why it cannot be compared at all: it is not taken, or becomes a tree that cannot be read. */
  readonly umociRefuses?: string;
  readonly podmanRefuses?: string;
}

export const ROOT: TarEntry = { name: './', type: TYPE.directory, mode: 0o755, mtime: 1_000_000_000 };
export function directory(name: string, more: Partial<TarEntry> = {}): TarEntry {
  return { name: `${name}/`, type: TYPE.directory, mode: 0o755, mtime: 1_100_000_000, ...more };
}

export function file(name: string, data = name, more: Partial<TarEntry> = {}): TarEntry {
  return { name, data, mode: 0o644, mtime: 1_200_000_000, ...more };
}

/** Its mode and owner are to be the target's, as archivers write them: some engines set them anew. */
export function link(name: string, target: string, more: Partial<TarEntry> = {}): TarEntry {
  return { name, type: TYPE.hardLink, link: target, mode: 0o644, mtime: 1_200_000_000, ...more };
}

export function symlink(name: string, target: string): TarEntry {
  return { name, type: TYPE.symlink, link: target, mode: 0o777, mtime: 1_200_000_000 };
}

export function layer(...entries: readonly TarEntry[]): Buffer {
  return tarArchive([ROOT, ...entries]);
}
