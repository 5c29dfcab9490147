import { isErrorOfKind } from '../../model/error.ts';
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
  await pauseContainer(host, container);
  try {
    return await work();
  } finally {
    await goOn(host, container);
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
