import { existsSync, readFileSync, statSync } from 'node:fs';

const GONE_DEADLINE_MS = 10_000;
const GONE_POLL_MS = 10;

/**
 * Who holds a record lock on a file, by the text of /proc/locks (proc_locks(5)). Pure.
 *
 * @returns `undefined` for nobody, and for somebody of another pid namespace, who is told as 0
 */
export function recordLockHolder(locks: string, inode: number): number | undefined {
  for (const line of locks.split('\n')) {
    const [, pid, found] = /^\d+: POSIX\s+ADVISORY\s+WRITE\s+(\d+) \S+:(\d+) /.exec(line) ?? [];
    if (found !== undefined && Number(found) === inode && Number(pid) > 0) return Number(pid);
  }
  return undefined;
}

/** As HelperPort has it. The lock beside the socket is the fork server's alone, so whoever holds it is the one. */
export async function endForkServer(socketPath: string): Promise<boolean> {
  const pid = findForkServer(socketPath);
  if (pid === undefined) return false;
  process.kill(pid, 'SIGKILL');
  const deadline = performance.now() + GONE_DEADLINE_MS;
  while (findForkServer(socketPath) === pid) {
    if (performance.now() > deadline) return false; // in the kernel, where nothing reaches it
    await new Promise((resolve) => setTimeout(resolve, GONE_POLL_MS));
  }
  return true;
}

/** Another file system may have the same inode number: its command line says which socket it is for. */
function findForkServer(socketPath: string): number | undefined {
  const lock = `${socketPath}.lock`;
  if (!existsSync(lock)) return undefined;
  const pid = recordLockHolder(readFileSync('/proc/locks', 'utf8'), statSync(lock).ino);
  return pid !== undefined && wordsOf(pid).includes(socketPath) ? pid : undefined;
}

function wordsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it has just ended
  }
}
