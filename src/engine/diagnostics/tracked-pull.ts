import type { PullProgress } from '../../image/images.ts';
import type { Image } from '../../model/image-config.ts';
import type { Engine } from '../facade.ts';
import type { EngineHost } from '../host.ts';
import { silenceMsAfter } from '../pull-deadline.ts';

/** A pull that shows how far it is, and that can be cancelled apart from its client. */
export function trackedPull(
  host: EngineHost,
  reference: string,
  options: Parameters<Engine['pullImage']>[1],
): Promise<Image> {
  const end = new AbortController();
  const cancel = (reason: Error): void => end.abort(reason);
  return host.operations.run({ kind: 'pull', subject: reference, cancel }, async (operation) => {
    const { stallMs } = host.images;
    return host.operations.moving({ what: 'its registry', operation, ms: stallMs }, (until) =>
      host.images.pull(reference, {
        ...options,
        signal: options.signal === undefined ? end.signal : AbortSignal.any([options.signal, end.signal]),
        onProgress: (progress) => {
          operation.note = noteOf(progress);
          until(silenceMsAfter(progress, stallMs));
          options.onProgress?.(progress);
        },
      }),
    );
  });
}

function noteOf(progress: PullProgress): string {
  switch (progress.kind) {
    case 'resolved':
      return `${progress.layers.length} layers`;
    case 'layer':
      return `layer ${progress.digest}: ${progress.state}, ${progress.doneBytes} bytes`;
    case 'retry':
      return `${progress.reason}: attempt ${progress.attempt} of ${progress.attempts} comes next`;
    case 'left':
      return `${progress.reason}: ${progress.next} is asked instead`;
    case 'warning':
      return progress.message;
    case 'done':
      return 'all layers are here';
  }
}
