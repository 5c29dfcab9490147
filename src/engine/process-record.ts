import type { StartedProcess } from '../launcher/launcher.ts';
import type { Container } from './container.ts';
import type { EngineHost } from './host.ts';

const PROCESS_RECORD_DELAY_MS = 10;

/**
 * A little later: the answer goes first, and a container that has ended by then needs no such record.
 *
 * @returns settles when nothing of it is under way any more
 */
export function saveProcessLater(host: EngineHost, container: Container, started: StartedProcess): Promise<void> {
  const over = Promise.withResolvers<void>();
  let isDue = true;
  const cancel = host.effects.clock.after(PROCESS_RECORD_DELAY_MS, () => {
    isDue = false;
    void saveProcess(host, container.uid, started).then(over.resolve);
  });
  void container.ended.then(() => {
    cancel();
    if (isDue) over.resolve();
  });
  return over.promise;
}

/** For the next engine; nobody waits for it but the cleanup, and without it only the moment of the start is vague. */
async function saveProcess(host: EngineHost, uid: string, started: StartedProcess): Promise<void> {
  const { process, startedAtMs } = started;
  const startTime = String(process.startTime);
  try {
    await host.records.saveProcess(uid, {
      ...{ schemaVersion: 1, bootId: host.bootId, pid: process.pid, startTime, startedAtMs },
    });
  } catch (error) {
    host.report({ what: 'record of its process', uid, error });
  }
}
