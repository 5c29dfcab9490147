import { once } from 'node:events';
import pino, { type Logger } from 'pino';
import type { Callers } from '../base/callers.ts';
import type { Files } from '../base/effects.ts';
import { systemErrorCode } from '../model/error.ts';

const ROTATE_BYTES = 10 * 1024 * 1024;

export interface AgentLogFile {
  readonly log: Logger;
  /** Hands what waits to the kernel, in the background. */
  flush(): void;
  /** The same at once, for the end. */
  flushNow(): void;
}

/** Opens `<state>/agent.log`; one that has grown beyond 10 MiB becomes `agent.log.1` first. */
export async function openAgentLog(files: Files, path: string, callers: Callers): Promise<AgentLogFile> {
  try {
    if ((await files.status(path)).sizeBytes > ROTATE_BYTES) await files.rename(path, `${path}.1`);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  // Requests must not wait for the disk: lines are written in the background, when 4 KiB wait or the agent flushes.
  const destination = pino.destination({ dest: path, append: true, mode: 0o600, sync: false, minLength: 4096 });
  const options = {
    ...{ base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    mixin: () => {
      const caller = callers.current();
      return caller === undefined ? {} : { requestId: caller.requestId, container: caller.container };
    },
  };
  const log = pino(options, destination);
  await once(destination, 'ready'); // until its file is open it cannot be flushed, and pino flushes at exit
  return { log, flush: () => destination.flush(), flushNow: () => destination.flushSync() };
}
