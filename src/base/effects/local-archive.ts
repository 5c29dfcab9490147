import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, readlink, stat } from 'node:fs/promises';
import type { ArchiveFailure, LocalArchive, LocalFacts } from '../local-archive.ts';

const ERROR_TAIL_BYTES = 8192;
const ABSENT = new Set(['ENOENT', 'ENOTDIR']);

/** @param binary the helper: packing and unpacking is the same at both ends of a copy */
export function localArchive(binary: string): LocalArchive {
  return {
    lookAt,
    async *pack({ path, name, followLink, archive, failed }) {
      const flags = [...(followLink ? ['follow'] : []), ...(archive ? ['attributes'] : [])].join(',') || '-';
      const child = spawn(binary, ['pack', flags, path, name], { stdio: ['ignore', 'pipe', 'pipe'] });
      const ended = endOf(child);
      try {
        for await (const chunk of child.stdout) yield chunk as Buffer;
        const failure = await ended;
        if (failure !== undefined) throw failed(failure);
      } finally {
        child.kill();
      }
    },
    async unpack({ directory, archive }, source) {
      const child = spawn(binary, ['unpack', archive ? 'archive' : '-', directory], {
        stdio: ['pipe', 'ignore', 'pipe'],
      });
      const ended = endOf(child);
      child.stdin.on('error', () => {}); // it tells why itself
      try {
        for await (const chunk of source) {
          if (child.stdin.destroyed) break;
          if (!child.stdin.write(chunk)) await Promise.race([once(child.stdin, 'drain').catch(() => {}), ended]);
        }
        child.stdin.end();
        return await ended;
      } finally {
        child.stdin.destroy();
        await ended;
      }
    },
  };
}

async function lookAt(path: string, followLink: boolean): Promise<LocalFacts | undefined> {
  try {
    const status = await (followLink ? stat(path) : lstat(path));
    return {
      isDirectory: status.isDirectory(),
      isFile: status.isFile(),
      linkTarget: status.isSymbolicLink() ? await readlink(path) : '',
    };
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function endOf(child: ChildProcess): Promise<ArchiveFailure | undefined> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-ERROR_TAIL_BYTES);
  });
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ errno: 0, about: error.message }));
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(undefined);
      const [, errno, about] = /^(\d+) (.*)$/s.exec(said.trim()) ?? [];
      if (errno !== undefined) return resolve({ errno: Number(errno), about: about ?? '' });
      resolve({ errno: 0, about: said.trim() || `the helper ended with ${signal ?? `code ${code}`}` });
    });
  });
}
