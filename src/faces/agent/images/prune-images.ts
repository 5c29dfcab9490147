import type { Engine } from '../../../engine/facade.ts';
import { isErrorOfKind } from '../../../model/error.ts';
import type { Image } from '../../../model/image-config.ts';
import { formatImageReference, parseImageReference } from '../../../model/image-reference.ts';

export interface PruneImagesRequest {
  /** Those that have names, too; else only those that lost theirs. */
  readonly all: boolean;
  /** References or ids of images that stay. */
  readonly excluded: readonly string[];
}

export interface PrunedImages {
  readonly untagged: readonly string[];
  readonly deleted: readonly string[];
}

/**
 * Takes away the images that no container uses. Each is looked at again when it goes, so one that a launch begins to use
 * meanwhile stays.
 *
 * @throws {EngineError} `image-reference.malformed` (invalid-argument) for what is excluded and no reference, before
 *   anything is taken away
 */
export async function pruneImages(
  engine: Pick<Engine, 'listImages' | 'removeImage'>,
  { all, excluded }: PruneImagesRequest,
): Promise<PrunedImages> {
  const kept = excluded.map(namesOf);
  const images = await engine.listImages();
  const wanted = images.filter((image) => (all || image.references.length === 0) && !kept.some((is) => is(image)));
  const untagged: string[] = [];
  const deleted: string[] = [];
  for (const { id } of wanted) {
    try {
      const removed = await engine.removeImage(id);
      untagged.push(...removed.untagged);
      deleted.push(...removed.deleted);
    } catch (error) {
      // A container uses it, or somebody else has taken it away.
      if (!isErrorOfKind(error, 'failed-precondition', 'not-found')) throw error;
    }
  }
  return { untagged, deleted };
}

const ID = /^(?:sha256:)?([0-9a-f]{12,64})$/;

/** Whether a text that somebody wrote means an image: one of its names, or the beginning of its id. */
function namesOf(text: string): (image: Image) => boolean {
  const id = ID.exec(text)?.[1];
  const reference = formatImageReference(parseImageReference(text));
  return ({ references, id: own }) =>
    references.includes(reference) || references.includes(text) || (id !== undefined && own.startsWith(`sha256:${id}`));
}
