import { ERRNO } from '../linux/errno.ts';
import { stepErrno } from '../linux/helper-worker.ts';
import { step } from '../model/wire.ts';
import type { ConnectLayerWorker } from './layer-store.ts';

/** The tree of a layer in a stack; one that is `fresh` was just unpacked, all others are settled. */
export interface StackedLayer {
  readonly directory: string;
  readonly fresh: boolean;
}

/**
 * Trees are unpacked without the layers below them. This gives the fresh ones of a stack what those have a say in: how
 * directories are that an archive has something in and does not name, its root among them, and what whiteouts are worth.
 *
 * @param stack bottom first
 * @throws {EngineError} `helper-worker.stepFailed` or `.diskFull`; the fresh trees are good for nothing then
 */
export async function settleLayers(
  stack: readonly StackedLayer[],
  connect: ConnectLayerWorker,
  signal: AbortSignal,
): Promise<void> {
  if (!stack.some(({ fresh }) => fresh)) return;
  const worker = await connect(signal);
  const stop = (): void => worker.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (const [at, { directory: tree, fresh }] of stack.entries()) {
      if (!fresh) continue;
      const lower = stack.slice(0, at).map(({ directory }) => directory);
      // One request each: the paths below all layers of an image may be more than a frame holds.
      await worker.run([step('image store', 'settle-layer', { tree, lower: lower.reverse() })]);
    }
  } catch (error) {
    signal.throwIfAborted();
    // A fork server from before this step has unpacked without leaving anything to do.
    if (stepErrno(error) !== ERRNO.ENOSYS) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    worker.close();
  }
}
