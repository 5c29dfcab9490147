import type { Files } from '../base/effects.ts';
import { mainErrors } from './errors.ts';

/** The first descriptor that sd_listen_fds(3) passes. */
const FIRST_DESCRIPTOR = 3;

/**
 * Which listening socket the service manager passed to this process, as sd_listen_fds(3) has it. What was said to
 * another process, and is in the environment because that one did not take it out, is not for us.
 *
 * @throws {EngineError} `main.passedSockets` (invalid-argument) for more than the one socket of an agent
 */
export function passedDescriptor(env: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = env;
  if (LISTEN_PID !== `${pid}` || LISTEN_FDS === undefined || LISTEN_FDS === '0') return undefined;
  if (LISTEN_FDS !== '1') throw mainErrors.passedSockets({ count: LISTEN_FDS, names: LISTEN_FDNAMES ?? '' });
  return FIRST_DESCRIPTOR;
}

/**
 * Checks that the passed socket is the one that clients of this agent look for.
 *
 * @throws {EngineError} `main.otherSocket` (invalid-argument) for one that is elsewhere, or is no unix socket
 */
export async function checkPassedSocket(
  files: Pick<Files, 'readLink' | 'readText'>,
  descriptor: number,
  path: string,
): Promise<void> {
  const inode = /^socket:\[(\d+)\]$/.exec(await files.readLink(`/proc/self/fd/${descriptor}`))?.[1];
  const found = inode === undefined ? undefined : pathOfSocket(await files.readText('/proc/self/net/unix'), inode);
  if (found !== path) throw mainErrors.otherSocket({ found: found ?? 'no path', path });
}

/** Columns of /proc/net/unix: address, count, protocol, flags, type, state, inode, and the path, which may have spaces. */
function pathOfSocket(table: string, inode: string): string | undefined {
  for (const line of table.split('\n')) {
    const [, found, path] = /^\S+: \S+ \S+ \S+ \S+ \S+ +(\d+) (.*)$/.exec(line) ?? [];
    if (found === inode) return path;
  }
  return undefined;
}
