import type { Digest } from '../../model/digest.ts';
import type { ImagePrunePolicy, PrunedImages } from '../../model/image-upkeep.ts';
import type { PartialBlob } from '../store/partial-blobs.ts';
import { type Part, type Parts, partsOnlyOf } from './image-parts.ts';
import type { Leftovers } from './leftovers.ts';
import type { PrunableImage } from './prune-policy.ts';

/** What has come in part and is meant by a prune. */
export interface DoomedPartials {
  readonly gone: readonly PartialBlob[];
  /** What stays, because a pull holds it. */
  readonly held: readonly PartialBlob[];
}

/** What goes with a prune and is of no image. */
export interface Imageless {
  readonly partials: DoomedPartials;
  readonly leftovers: Leftovers;
}

/** How full a file system is. */
export interface Space {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** How full it is in percent, as df(1) tells root. Pure. */
export function usedPercent({ totalBytes, freeBytes }: Space): number {
  return totalBytes === 0 ? 0 : ((totalBytes - freeBytes) / totalBytes) * 100;
}

/**
 * What a prune has come to. Pure.
 *
 * @param parts what only the images had that are gone
 * @param isHere which of these are here all the same, because somebody holds them
 * @param others what was of no image
 */
export function tally(
  parts: readonly Part[],
  isHere: (part: Part) => boolean,
  { partials, leftovers }: Imageless,
): Pick<PrunedImages, 'partials' | 'leftovers' | 'reclaimedBytes' | 'heldBytes'> {
  return {
    partials: partials.gone.map(({ digest }) => digest),
    leftovers: leftovers.digests,
    reclaimedBytes: sumOf(parts.filter((part) => !isHere(part))) + sumOf(partials.gone) + leftovers.sizeBytes,
    heldBytes: sumOf(parts.filter(isHere)) + sumOf(partials.held),
  };
}

/**
 * What a prune would come to now. Pure.
 *
 * @param doomed in the order in which they go
 * @param now what is in the store, what of it somebody holds, and how full the disk is
 */
export function foretold(
  doomed: readonly PrunableImage[],
  { lowWaterPercent }: ImagePrunePolicy,
  now: {
    readonly stored: readonly Parts[];
    readonly others: Imageless;
    readonly held: ReadonlySet<Digest>;
    readonly space: Space;
  },
): PrunedImages {
  const outcomeOf = (images: readonly PrunableImage[]): PrunedImages => {
    const ids = new Set(images.map(({ id }) => id));
    const isGone = ({ id }: Parts): boolean => ids.has(id);
    const parts = partsOnlyOf(
      now.stored.filter(isGone),
      now.stored.filter((image) => !isGone(image)),
    );
    return {
      untagged: images.flatMap(({ references }) => references),
      deleted: images.map(({ id }) => id),
      ...tally(parts, ({ digest }) => now.held.has(digest), now.others),
    };
  };
  if (lowWaterPercent === undefined) return outcomeOf(doomed);
  const { totalBytes, freeBytes } = now.space;
  for (let count = 0; count < doomed.length; count++) {
    const outcome = outcomeOf(doomed.slice(0, count));
    const space = { totalBytes, freeBytes: freeBytes + outcome.reclaimedBytes };
    if (usedPercent(space) <= lowWaterPercent) return outcome;
  }
  return outcomeOf(doomed);
}

function sumOf(sized: readonly { readonly sizeBytes: number }[]): number {
  return sized.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
