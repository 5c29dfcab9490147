import { isErrorOfKind, systemErrorCode } from '../../model/error.ts';
import type { Container } from '../container.ts';
import type { EngineHost } from '../host.ts';
import { pauseContainer, unpauseContainer } from '../pause.ts';

/**
 * Works while the processes of a container stand still, so that what is read of its files is of one moment. One that does not
 * run, or was paused already, is left as it is.
 */
export async function standingStill<Result>(
  host: EngineHost,
  container: Container,
  wanted: boolean,
  work: () => Promise<Result>,
): Promise<Result> {
  if (!wanted || container.state !== 'running') return work();
  const { stillFile } = container.paths;
  // Before it stands still: should we be killed, the next engine knows that nobody wanted it to stay so.
  await host.effects.files.writeAtomic(stillFile, '{}\n');
  try {
    await pauseContainer(host, container);
    try {
      return await work();
    } finally {
      await goOn(host, container);
    }
  } finally {
    await forget(host, stillFile);
  }
}

/** Lets a container go on that an earlier engine had paused for a reader. */
export async function goOnAsBefore(host: EngineHost, container: Container): Promise<void> {
  const { stillFile } = container.paths;
  if (!(await host.effects.files.exists(stillFile))) return;
  if (container.isPausedItself) await goOn(host, container);
  await forget(host, stillFile);
}

/** With a container that is removed, its directory has gone. */
async function forget(host: EngineHost, stillFile: string): Promise<void> {
  try {
    await host.effects.files.removeFile(stillFile);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}

/** It may have ended meanwhile, or somebody has let it go on. */
async function goOn(host: EngineHost, container: Container): Promise<void> {
  try {
    await unpauseContainer(host, container);
  } catch (error) {
    if (!isErrorOfKind(error, 'failed-precondition')) throw error;
  }
}
