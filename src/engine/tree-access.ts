import type { Worker } from '../linux/helper-worker.ts';
import type { Container } from './container.ts';
import { fileError } from './file-errors.ts';
import { DEADLINES, type EngineHost } from './host.ts';

export type Operate = <Result>(operation: () => Promise<Result>) => Promise<Result>;
/** A fresh worker, which becomes what looks at the files of one container. */
export type TreeWorker = Pick<Worker, 'enterRoot' | 'enterChanges'>;

/** Files of a container that somebody wants to look at, or to change. */
export interface TreeAccess<View> {
  readonly container: Container;
  /** What errors and the list of operations name. */
  readonly path: string;
  /** Finds where the files are. @returns what makes a worker see them */
  readonly find: () => Promise<(worker: TreeWorker) => Promise<View>>;
  readonly signal?: AbortSignal | undefined;
  /** Told when it is given up. */
  readonly givenUp?: () => void;
}

/** Works on the files of a container; it ends with its caller, with whoever gives the operation up, and with the work. */
export function withTree<View, Result>(
  host: EngineHost,
  { container, path, find, signal, givenUp }: TreeAccess<View>,
  work: (view: View, ends: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { uid } = container;
  const end = new AbortController();
  const giveUp = (reason: Error): void => {
    end.abort(reason);
    givenUp?.();
  };
  const facts = { kind: 'copy', container: uid, subject: path, cancel: giveUp } as const;
  return host.operations.run(facts, async () => {
    const enter = await find();
    const ends = AbortSignal.any([end.signal, ...(signal === undefined ? [] : [signal])]);
    ends.throwIfAborted();
    const worker = await host.takeWorker();
    const stop = (): void => worker.close();
    ends.addEventListener('abort', stop, { once: true });
    try {
      const step = { what: 'the way into its root', uid, ms: DEADLINES.hookMs };
      return await work(await host.operations.within(step, enter(worker)), ends);
    } catch (error) {
      ends.throwIfAborted();
      throw fileError(error, { uid, path: path === '' ? '/' : path });
    } finally {
      ends.removeEventListener('abort', stop);
      worker.close();
    }
  });
}

/**
 * Reads of the files of a container. The first part is waited for, so that what cannot be read is refused before anything is
 * promised.
 */
export function readTree<View>(
  host: EngineHost,
  operate: Operate,
  {
    access,
    read,
  }: { readonly access: () => TreeAccess<View>; readonly read: (view: View) => AsyncIterable<Uint8Array> },
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const begun = Promise.withResolvers<AsyncIterable<Uint8Array>>();
  const over = Promise.withResolvers<void>();
  const left = (): void => over.resolve();
  signal.addEventListener('abort', left, { once: true });
  const whole = operate(async () => {
    const wanted = access();
    const { container, path } = wanted;
    await withTree(host, { ...wanted, signal, givenUp: left }, async (view) => {
      const parts = read(view)[Symbol.asyncIterator]();
      const first = await parts.next();
      const told = (error: unknown): unknown => fileError(error, { uid: container.uid, path });
      begun.resolve(handedOver(first, parts, { left, told, whole: () => whole }));
      await over.promise;
    });
  }).finally(() => signal.removeEventListener('abort', left));
  whole.catch((error: unknown) => begun.reject(error));
  return begun.promise;
}

async function* handedOver(
  first: IteratorResult<Uint8Array>,
  parts: AsyncIterator<Uint8Array>,
  hands: { readonly left: () => void; readonly told: (error: unknown) => unknown; readonly whole: () => Promise<void> },
): AsyncGenerator<Uint8Array> {
  try {
    for (let part = first; part.done !== true; part = await parts.next()) yield part.value;
  } catch (error) {
    throw hands.told(error);
  } finally {
    hands.left();
    await hands.whole();
  }
}
