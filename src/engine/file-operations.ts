import type { CopyRoot, TreeCopy } from '../linux/tree-copy.ts';
import type { ContainerUid } from '../model/container-id.ts';
import { copyRoot } from './copy-root.ts';
import { fileError, fileErrors } from './file-errors.ts';
import type { FileOperations } from './file-facade.ts';
import { DEADLINES, type EngineHost } from './host.ts';

type Operate = <Result>(operation: () => Promise<Result>) => Promise<Result>;

/** @param operate counts an operation, so that idleness and closing know of it */
export function fileOperations(host: EngineHost, operate: Operate): FileOperations {
  const written = new Set<ContainerUid>();
  return {
    lookAt: (id, path, followLink) =>
      operate(() => withCopy(host, { id, path, isWritten: false }, (copy) => copy.lookAt(path, followLink))),
    read: (id, request, signal) => read(host, operate, { id, request, signal }),
    write: (id, request, source, signal) =>
      operate(() => {
        const { path, archive } = request;
        // Who is not root can give files to nobody.
        const owners = archive ? 'archive' : host.hostFacts.launcher === 'posix' ? 'caller' : 'root';
        const subject = { id, path, isWritten: true, signal, written };
        return withCopy(host, subject, (copy) => copy.unpack({ path, owners }, source));
      }),
  };
}

interface Subject {
  readonly id: string;
  readonly path: string;
  readonly isWritten: boolean;
  readonly signal?: AbortSignal;
  /** Told when it is given up. */
  readonly givenUp?: () => void;
  /** Containers that have ended and are written to: two overlays of one upper directory are none. */
  readonly written?: Set<ContainerUid>;
}

/** Copies in the root of a container; it ends with its caller, with whoever gives the operation up, and with the work. */
function withCopy<Result>(
  host: EngineHost,
  { id, path, isWritten, signal, givenUp, written = new Set() }: Subject,
  work: (copy: TreeCopy) => Promise<Result>,
): Promise<Result> {
  const container = host.registry.get(id);
  const { uid } = container;
  const end = new AbortController();
  const giveUp = (reason: Error): void => {
    end.abort(reason);
    givenUp?.();
  };
  const facts = { kind: 'copy', container: uid, subject: path, cancel: giveUp } as const;
  return host.operations.run(facts, async () => {
    const root = await copyRoot(host, container, isWritten);
    const isAlone = isWritten && root.kind === 'overlay';
    if (isAlone && written.has(uid)) throw fileErrors.busy({ uid });
    if (isAlone) written.add(uid);
    const ends = AbortSignal.any([end.signal, ...(signal === undefined ? [] : [signal])]);
    try {
      return await inRoot(host, root, { uid, path, ends, work });
    } finally {
      if (isAlone) written.delete(uid);
    }
  });
}

async function inRoot<Result>(
  host: EngineHost,
  root: CopyRoot,
  of: {
    readonly uid: ContainerUid;
    readonly path: string;
    readonly ends: AbortSignal;
    readonly work: (copy: TreeCopy) => Promise<Result>;
  },
): Promise<Result> {
  const { uid, path, ends, work } = of;
  ends.throwIfAborted();
  const worker = await host.takeWorker();
  const stop = (): void => worker.close();
  ends.addEventListener('abort', stop, { once: true });
  try {
    const step = { what: 'the way into its root', uid, ms: DEADLINES.hookMs };
    return await work(await host.operations.within(step, worker.enterRoot(root)));
  } catch (error) {
    ends.throwIfAborted();
    throw fileError(error, { uid, path: path === '' ? '/' : path });
  } finally {
    ends.removeEventListener('abort', stop);
    worker.close();
  }
}

/** The first part is waited for, so that what cannot be copied is refused before anything is promised. */
function read(
  host: EngineHost,
  operate: Operate,
  {
    id,
    request,
    signal,
  }: { readonly id: string; readonly request: Parameters<FileOperations['read']>[1]; readonly signal: AbortSignal },
): Promise<AsyncIterable<Uint8Array>> {
  const begun = Promise.withResolvers<AsyncIterable<Uint8Array>>();
  const over = Promise.withResolvers<void>();
  const left = (): void => over.resolve();
  signal.addEventListener('abort', left, { once: true });
  const subject = { id, path: request.path, isWritten: false, signal, givenUp: left };
  const whole = operate(() =>
    withCopy(host, subject, async (copy) => {
      const parts = copy.pack({ ...request, attributes: request.archive })[Symbol.asyncIterator]();
      const first = await parts.next();
      const told = (error: unknown): unknown =>
        fileError(error, { uid: host.registry.get(id).uid, path: request.path });
      begun.resolve(handedOver(first, parts, { left, told, whole: () => whole }));
      await over.promise;
    }),
  ).finally(() => signal.removeEventListener('abort', left));
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
