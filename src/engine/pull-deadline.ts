import type { PullProgress } from '../image/images.ts';
import type { PullPolicy } from '../model/container-config.ts';

/** When an image is pulled; `caller`: by whoever launches, so it is here or told. */
export type ImagePull = PullPolicy | 'caller';

/** After how long of silence a pull is given up, or its registry asked once more, once this was heard of it. Pure. */
export function silenceMsAfter(progress: PullProgress, stallMs: number): number {
  return progress.kind === 'retry' ? progress.delayMs + stallMs : stallMs;
}
