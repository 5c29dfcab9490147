import { dirname } from 'node:path';
import { type FileStatus, type Files, TEMPORARY_PREFIX } from '../../src/base/effects.ts';
import { systemError } from './fake-disk.ts';
import type { FakeKernel } from './fake-kernel.ts';
import type { Incarnation } from './incarnation.ts';

/** The engine's files: each call is one or more numbered effects, which a dead engine no longer makes. */
export function fakeFiles(kernel: FakeKernel, incarnation: Incarnation): Files {
  const { disk } = kernel;
  const effect = <Result>(what: string, run: () => Result): Promise<Result> => incarnation.effect(what, run);
  const unused = (name: string) => () => Promise.reject(systemError('ENOSYS', name));
  return {
    readText: (path) => effect(`read ${path}`, () => kernel.readKernelFile(path) ?? disk.read(path)),
    readBytes: (path) => effect(`read ${path}`, () => Buffer.from(disk.read(path))),
    readStream: () => {
      throw systemError('ENOSYS', 'readStream');
    },
    writeAtomic: async (path, content, options = {}) => {
      const temporary = `${dirname(path)}/${TEMPORARY_PREFIX}${kernel.uniqueNumber()}`;
      await effect(`write ${temporary}`, () => disk.write(temporary, String(content), options.mode));
      if (options.durability === 'synced') await effect(`fsync ${temporary}`, () => disk.syncFile(temporary));
      await effect(`rename to ${path}`, () => {
        try {
          disk.rename(temporary, path);
        } catch (error) {
          disk.removeFile(temporary);
          throw error;
        }
      });
    },
    writeKernelFile: unused('writeKernelFile'),
    openWriter: unused('openWriter'),
    openAppender: unused('openAppender'),
    list: (directory) =>
      effect(`list ${directory}`, () => kernel.listGroups(directory) ?? listDirectory(kernel, directory)),
    status: (path) => effect(`stat ${path}`, () => statusOf(kernel, path)),
    exists: (path) => effect(`exists ${path}`, () => kernel.groups.has(path) || disk.get(path) !== undefined),
    space: unused('space'),
    realPath: async (path) => path,
    readLink: unused('readLink'),
    makeDirectory: (path, options = {}) =>
      effect(`mkdir ${path}`, () => {
        if (options.parents === true) disk.makeDirectories(path, options.mode);
        else disk.makeDirectory(path, options.mode);
      }),
    rename: (from, to) => effect(`rename ${from}`, () => disk.rename(from, to)),
    removeFile: (path) => effect(`unlink ${path}`, () => disk.removeFile(path)),
    removeDirectory: (path) => effect(`rmdir ${path}`, () => disk.removeDirectory(path)),
    syncDirectory: (path) => effect(`fsync ${path}`, () => disk.syncDirectory(path)),
    watch: () => {
      throw systemError('ENOSYS', 'watch');
    },
  };
}

function listDirectory(kernel: FakeKernel, directory: string): readonly string[] {
  const node = kernel.disk.get(directory);
  if (node === undefined) throw systemError('ENOENT', directory);
  if (node.content !== undefined) throw systemError('ENOTDIR', directory);
  return kernel.disk.children(directory);
}

function statusOf(kernel: FakeKernel, path: string): FileStatus {
  const node = kernel.disk.get(path);
  if (node === undefined) throw systemError('ENOENT', path);
  return {
    kind: node.content === undefined ? 'directory' : 'file',
    sizeBytes: node.content?.length ?? 0,
    ...{ mode: node.mode, uid: 0, gid: 0, device: 1n, inode: 1n, mtimeMs: 0 },
  };
}
