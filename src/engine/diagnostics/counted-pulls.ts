import type { Clock } from '../../base/effects.ts';
import type { Images } from '../../image/images.ts';
import { wrappedImages } from '../../image/wrapped-images.ts';
import type { EngineMetrics } from './engine-metrics.ts';

/** The same images, whose pulls are counted; one that two callers share counts for both. */
export function countedPulls(
  images: Images,
  { clock, metrics }: { readonly clock: Clock; readonly metrics: EngineMetrics },
): Images {
  return wrappedImages(images, {
    pull: async (reference, options) => {
      const beganMs = clock.monotonicMs();
      try {
        const image = await images.pull(reference, options);
        metrics.pulled(clock.monotonicMs() - beganMs);
        return image;
      } catch (error) {
        metrics.pullFailed(error);
        throw error;
      }
    },
  });
}
