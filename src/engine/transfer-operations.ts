import type { ImageTransfers } from '../image/transfer/image-transfers.ts';
import type { EngineHost } from './host.ts';
import type { TransferOperations } from './transfer-facade.ts';

type Operate = <Result>(operation: () => Promise<Result>) => Promise<Result>;
type Kind = 'push' | 'copy-image' | 'save' | 'load' | 'import';

/** @param operate counts an operation, so that idleness and closing know of it */
export function transferOperations(host: EngineHost, operate: Operate): TransferOperations {
  const { transfers } = host;
  const run = <Result>(
    { kind, subject, signal }: { readonly kind: Kind; readonly subject: string; readonly signal: AbortSignal },
    work: (until: AbortSignal) => Promise<Result>,
  ): Promise<Result> => {
    const end = new AbortController();
    const cancel = (reason: Error): void => end.abort(reason);
    const until = AbortSignal.any([signal, end.signal]);
    return operate(() => host.operations.run({ kind, subject, cancel }, () => work(until)));
  };
  return {
    copy: (request, told) =>
      run({ kind: 'copy-image', subject: `${request.source} to ${request.target}`, signal: told.signal }, (signal) =>
        transfers.copy(request, { ...told, signal }),
      ),
    push: (request, told) =>
      run({ kind: 'push', subject: request.image, signal: told.signal }, (signal) =>
        transfers.push(request, { ...told, signal }),
      ),
    save: (request, signal) => save(transfers, run, request, signal),
    load: (archive, options) =>
      run({ kind: 'load', subject: 'an archive', signal: options.signal }, (signal) =>
        transfers.load(archive, { ...options, signal }),
      ),
    import: (archive, request, signal) =>
      run({ kind: 'import', subject: request.reference ?? 'an archive', signal }, (until) =>
        transfers.import(archive, request, until),
      ),
  };
}

/** The operation lasts until the stream has been read or left. */
function save(
  transfers: ImageTransfers,
  run: <Result>(
    of: { readonly kind: Kind; readonly subject: string; readonly signal: AbortSignal },
    work: (until: AbortSignal) => Promise<Result>,
  ) => Promise<Result>,
  request: Parameters<ImageTransfers['save']>[0],
  signal: AbortSignal,
): ReturnType<ImageTransfers['save']> {
  const begun = Promise.withResolvers<AsyncIterable<Uint8Array>>();
  const over = Promise.withResolvers<void>();
  const whole = run({ kind: 'save', subject: request.images.join(', '), signal }, async (until) => {
    const chunks = await transfers.save(request, until);
    const left = (): void => over.resolve();
    until.addEventListener('abort', left, { once: true });
    begun.resolve(handedOver(chunks, left));
    await over.promise;
    until.removeEventListener('abort', left);
  });
  whole.catch((error: unknown) => begun.reject(error));
  return begun.promise;
}

async function* handedOver(
  chunks: AsyncIterable<Uint8Array>,
  left: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* chunks;
  } finally {
    left();
  }
}
