import type { Digest } from '../../model/digest.ts';
import { formatImageReference, parseImageReference } from '../../model/image-reference.ts';
import type { ImageCollectionPolicy, ImagePrunePolicy } from '../../model/image-upkeep.ts';
import { hasLabels } from '../../model/label-filter.ts';
import type { PartialBlob } from '../store/partial-blobs.ts';
import { PARTIAL_AGE_MS } from './garbage.ts';

/** What decides over an image. */
export interface PrunableImage {
  readonly id: Digest;
  readonly references: readonly string[];
  /** Every repository that it was ever named by. */
  readonly repositories: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: string | undefined;
  /** When it was stored; 0 when an older version did that, which did not say. */
  readonly storedAtMs: number;
  readonly lastUsedAtMs: number;
}

/**
 * The images that go, those first that were unused for longest.
 *
 * @throws {EngineError} `image-reference.malformed` (invalid-argument) for what is excluded and no reference
 */
export function doomedImages(
  images: readonly PrunableImage[],
  policy: ImagePrunePolicy,
  { inUse, nowMs }: { readonly inUse: ReadonlySet<Digest>; readonly nowMs: number },
): readonly PrunableImage[] {
  const kept = policy.excluded.map(meantBy);
  const newest = newestOfEach(images, policy.keepNewest ?? 0);
  return images
    .filter((image) => policy.all || image.references.length === 0)
    .filter(({ id }) => !inUse.has(id) && !newest.has(id))
    .filter((image) => !kept.some((isMeant) => isMeant(image)))
    .filter((image) => policy.unusedForMs === undefined || nowMs - unusedSince(image) >= policy.unusedForMs)
    .filter((image) => policy.createdBeforeMs === undefined || createdMs(image) < policy.createdBeforeMs)
    .filter(({ labels }) => hasLabels(labels, policy))
    .sort((a, b) => unusedSince(a) - unusedSince(b));
}

/**
 * What has come in part and goes with a prune, as far as nothing holds it: all of it, as long as it has not grown for the time that images are to be
 * unused for; where only some images are meant, none but what goes with every removal.
 */
export function doomedPartials(
  partials: readonly PartialBlob[],
  policy: ImagePrunePolicy,
  { goWithImages, nowMs }: { readonly goWithImages: boolean; readonly nowMs: number },
): readonly PartialBlob[] {
  const { unusedForMs = 0 } = policy;
  return partials.filter(({ mtimeMs }) => {
    const ageMs = Math.max(0, nowMs - mtimeMs);
    return (!isSelective(policy) && ageMs >= unusedForMs) || (goWithImages && ageMs > PARTIAL_AGE_MS);
  });
}

/** Whether only some images are meant, by what they are: what has come in part of others is then left alone. */
function isSelective({ labels, withoutLabels, createdBeforeMs, excluded }: ImagePrunePolicy): boolean {
  return createdBeforeMs !== undefined || labels.length + withoutLabels.length + excluded.length > 0;
}

/** What a collection does in one pass, in order. */
export function collectionPasses(policy: ImageCollectionPolicy, usedPercent: number): readonly ImagePrunePolicy[] {
  const { unusedForMs, keepNewest, highWaterPercent, lowWaterPercent = highWaterPercent } = policy;
  const every = { all: true, excluded: [], labels: [], withoutLabels: [], dryRun: false };
  const protecting = keepNewest === undefined ? every : { ...every, keepNewest };
  const passes: ImagePrunePolicy[] = [];
  if (unusedForMs !== undefined) passes.push({ ...protecting, unusedForMs });
  else if (keepNewest !== undefined && highWaterPercent === undefined) passes.push(protecting);
  if (highWaterPercent !== undefined && lowWaterPercent !== undefined && usedPercent >= highWaterPercent) {
    passes.push({ ...protecting, lowWaterPercent });
  }
  return passes;
}

function unusedSince({ storedAtMs, lastUsedAtMs }: PrunableImage): number {
  return Math.max(storedAtMs, lastUsedAtMs);
}

/** One that does not say when it was made is older than any moment. */
function createdMs({ createdAt }: PrunableImage): number {
  const created = createdAt === undefined ? Number.NaN : Date.parse(createdAt);
  return Number.isNaN(created) ? Number.NEGATIVE_INFINITY : created;
}

function newestOfEach(images: readonly PrunableImage[], count: number): ReadonlySet<Digest> {
  const newest = new Set<Digest>();
  if (count === 0) return newest;
  const byRepository = new Map<string, PrunableImage[]>();
  for (const image of images) {
    for (const name of image.repositories) byRepository.set(name, [...(byRepository.get(name) ?? []), image]);
  }
  for (const family of byRepository.values()) {
    family.sort((a, b) => b.storedAtMs - a.storedAtMs);
    for (const { id } of family.slice(0, count)) newest.add(id);
  }
  return newest;
}

const ID = /^(?:sha256:)?([0-9a-f]{12,64})$/;

/** Whether a text that somebody wrote means an image: one of its names, or the beginning of its id. */
function meantBy(text: string): (image: PrunableImage) => boolean {
  const id = ID.exec(text)?.[1];
  const isWholeId = id?.length === 64;
  const reference = isWholeId ? text : formatImageReference(parseImageReference(text));
  return ({ references, id: own }) =>
    references.includes(reference) || references.includes(text) || (id !== undefined && own.startsWith(`sha256:${id}`));
}
