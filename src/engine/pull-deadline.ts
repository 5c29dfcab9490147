import type { PullProgress } from '../image/images.ts';

/** After how long of silence a pull is given up, or its registry asked once more, once this was heard of it. Pure. */
export function silenceMsAfter(progress: PullProgress, stallMs: number): number {
  return progress.kind === 'retry' ? progress.delayMs + stallMs : stallMs;
}
