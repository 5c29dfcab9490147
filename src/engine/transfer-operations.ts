import type { ImageTransfers } from '../image/transfer/image-transfers.ts';
import type { Image } from '../model/image-config.ts';
import { tellImage } from './happenings.ts';
import type { EngineHost } from './host.ts';
import type { TransferOperations } from './transfer-facade.ts';

type Operate = <Result>(operation: () => Promise<Result>) => Promise<Result>;
type Kind = 'push' | 'copy-image' | 'save' | 'load' | 'import';

/** @param operate counts an operation, so that idleness and closing know of it */
export function transferOperations(host: EngineHost, operate: Operate): TransferOperations {
  const { transfers } = host;
  const events = { events: host.events, nowMs: () => host.effects.clock.nowMs() };
  /** Once for each name that it has now, and once for an image without any. */
  const tellLoaded = (image: Image): void => {
    const names = image.references.length === 0 ? [''] : image.references;
    for (const name of names) tellImage(events, 'loaded', { name, image });
  };
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
      run(
        { kind: 'copy-image', subject: `${request.source} to ${request.target}`, signal: told.signal },
        async (signal) => {
          const copied = await transfers.copy(request, { ...told, signal });
          const { target: image, digest } = copied;
          const what = { image, digest, source: request.source };
          events.events.emit({ subject: 'image', kind: 'copied', atMs: events.nowMs(), ...what });
          return copied;
        },
      ),
    push: (request, told) =>
      run({ kind: 'push', subject: request.image, signal: told.signal }, async (signal) => {
        const pushed = await transfers.push(request, { ...told, signal });
        const { target: image, digest } = pushed;
        events.events.emit({ subject: 'image', kind: 'pushed', atMs: events.nowMs(), image, digest });
        return pushed;
      }),
    save: (request, signal) =>
      save(host, run, request, {
        signal,
        whole: (image, text) => tellImage(events, 'saved', { name: text, image }),
      }),
    load: (archive, options) =>
      run({ kind: 'load', subject: 'an archive', signal: options.signal }, (signal) =>
        transfers.load(archive, { ...options, signal, onLoaded: tellLoaded }),
      ),
    import: (archive, request, signal) =>
      run({ kind: 'import', subject: request.reference ?? 'an archive', signal }, async (until) => {
        const image = await transfers.import(archive, request, until);
        tellImage(events, 'imported', { name: request.reference ?? '', image });
        return image;
      }),
  };
}

/** The operation lasts until the stream has been read or left. */
function save(
  { transfers, images }: EngineHost,
  run: <Result>(
    of: { readonly kind: Kind; readonly subject: string; readonly signal: AbortSignal },
    work: (until: AbortSignal) => Promise<Result>,
  ) => Promise<Result>,
  request: Parameters<ImageTransfers['save']>[0],
  { signal, whole }: { readonly signal: AbortSignal; readonly whole: (image: Image, text: string) => void },
): ReturnType<ImageTransfers['save']> {
  const begun = Promise.withResolvers<AsyncIterable<Uint8Array>>();
  const over = Promise.withResolvers<void>();
  const work = run({ kind: 'save', subject: request.images.join(', '), signal }, async (until) => {
    const chunks = await transfers.save(request, until);
    const left = (): void => over.resolve();
    until.addEventListener('abort', left, { once: true });
    const told = await Promise.all(request.images.map(async (text) => ({ text, image: await images.find(text) })));
    const read = (): void => {
      for (const { text, image } of told) if (image !== undefined) whole(image, text);
    };
    begun.resolve(handedOver(chunks, { read, left }));
    await over.promise;
    until.removeEventListener('abort', left);
  });
  work.catch((error: unknown) => begun.reject(error));
  return begun.promise;
}

async function* handedOver(
  chunks: AsyncIterable<Uint8Array>,
  { read, left }: { readonly read: () => void; readonly left: () => void },
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* chunks;
    read();
  } finally {
    left();
  }
}
