import { once } from 'node:events';
import pino, { type Logger } from 'pino';
import type { Callers } from '../base/callers.ts';
import type { Files } from '../base/effects.ts';
import { systemErrorCode } from '../model/error.ts';
import { isJournal, journalLine } from './journal.ts';

const ROTATE_BYTES = 10 * 1024 * 1024;

export interface AgentLogFile {
  readonly log: Logger;
  /** Hands what waits to the kernel, in the background. */
  flush(): void;
  /** The same at once, for the end. */
  flushNow(): void;
}

/** Of lines that a journal which hangs does not take; what is more is in the file alone. */
const MAX_JOURNAL_WAIT_BYTES = 1 << 20;
const STDERR = 2;

/**
 * Opens `<state>/agent.log`; one that has grown beyond 10 MiB becomes `agent.log.1` first. Where our stderr is the journal of
 * systemd, each line goes there as well.
 */
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
  await once(destination, 'ready'); // until its file is open it cannot be flushed, and pino flushes at exit
  if (!(await isJournal(files, process.env))) {
    return {
      log: pino(options, destination),
      flush: () => destination.flush(),
      flushNow: () => destination.flushSync(),
    };
  }
  const journal = pino.destination({ dest: STDERR, sync: false, maxLength: MAX_JOURNAL_WAIT_BYTES });
  const write = (line: string): void => {
    destination.write(line);
    journal.write(journalLine(line));
  };
  const flushNow = (): void => {
    destination.flushSync();
    journal.flushSync();
  };
  return { log: pino(options, { write }), flush: () => destination.flush(), flushNow };
}
