import type { Worker } from '../linux/helper-worker.ts';
import type { RunSteps } from './backend.ts';

/**
 * Steps that may take long have a worker of their own, which gives them up when its connection ends.
 *
 * @param takeWorker the caller closes it
 */
export function stepsInOwnWorker(takeWorker: () => Promise<Pick<Worker, 'run' | 'close'>>): RunSteps {
  return async (steps, signal) => {
    signal.throwIfAborted();
    const worker = await takeWorker();
    const stop = (): void => worker.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      await worker.run(steps);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      worker.close();
    }
  };
}
