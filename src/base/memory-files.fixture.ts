import type { FileStatus, Files } from './effects.ts';

/** A tree of files in memory for tests: texts, links (`-> target`) and device nodes (`= block 8:0`). */
export interface MemoryFiles extends Pick<Files, ReadingMethod | WritingMethod> {
  readonly texts: Map<string, string>;
}

type ReadingMethod = 'readText' | 'list' | 'status' | 'exists' | 'realPath';
type WritingMethod = 'writeAtomic' | 'removeFile' | 'makeDirectory';

/**
 * What an isolator or a reader of /proc needs of the files port. Every other method fails loudly, as a call that a
 * test did not expect.
 */
export function memoryFiles(content: Readonly<Record<string, string>>): Files & MemoryFiles {
  const texts = new Map(Object.entries(content));
  const kindOf = (path: string): FileStatus['kind'] | undefined => {
    const text = texts.get(path);
    if (text !== undefined) return text.startsWith('-> ') ? 'symlink' : 'file';
    return [...texts.keys()].some((name) => name.startsWith(`${path}/`)) ? 'directory' : undefined;
  };
  const files: MemoryFiles = {
    texts,
    readText: async (path) => texts.get(path) ?? missing('open', path),
    list: async (directory) => {
      const below = [...texts.keys()].filter((name) => name.startsWith(`${directory}/`));
      return [...new Set(below.map((name) => name.slice(directory.length + 1).split('/')[0] ?? ''))];
    },
    exists: async (path) => kindOf(path) !== undefined,
    status: async (path) => ({ ...statusOf(kindOf(path) ?? missing('lstat', path)), ...nodeOf(texts.get(path)) }),
    realPath: async (path) => {
      const text = texts.get(path);
      if (text?.startsWith('-> ')) return files.realPath(text.slice(3));
      return kindOf(path) === undefined ? missing('realpath', path) : path;
    },
    writeAtomic: async (path, text) => {
      texts.set(path, Buffer.from(text).toString());
    },
    // A directory is there as soon as something is in it.
    makeDirectory: async () => {},
    removeFile: async (path) => {
      if (!texts.delete(path)) missing('unlink', path);
    },
  };
  return new Proxy(files as Files & MemoryFiles, {
    get(target, name) {
      if (name in target) return target[name as keyof typeof target];
      throw new Error(`the files of this test cannot ${String(name)}`);
    },
  });
}

function missing(call: string, path: string): never {
  throw Object.assign(new Error(`ENOENT: no such file or directory, ${call} '${path}'`), { code: 'ENOENT' });
}

function nodeOf(text = ''): Pick<FileStatus, 'kind' | 'node'> | undefined {
  const [, kind, major, minor] = /^= (block|character) (\d+):(\d+)$/.exec(text) ?? [];
  if (kind !== 'block' && kind !== 'character') return undefined;
  return { kind: 'other', node: { kind, major: Number(major), minor: Number(minor) } };
}

function statusOf(kind: FileStatus['kind']): FileStatus {
  return { kind, sizeBytes: 0, mode: 0o644, uid: 0, gid: 0, device: 1n, inode: 1n, mtimeMs: 0 };
}
