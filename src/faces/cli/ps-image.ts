import { formatImageReference, type ImageReference, parseImageReference } from '../../model/image-reference.ts';
import type { ContainerJson } from './container-json.ts';
import type { ImageJson } from './image-commands.ts';

const SHOWN_ID_DIGITS = 12;
/** What is looked up by its id names what it named. */
const ID = /^(?:sha256:)?[0-9a-f]{4,64}$/;

/**
 * What `ps` shows as the image of a container: the name that it was made by, as long as that still names the same image, else the
 * image's id, as Docker does. Pure.
 *
 * @param images what is in the store now
 */
export function imageText(
  { config: { rootfs }, imageId }: Pick<ContainerJson, 'config' | 'imageId'>,
  images: readonly Pick<ImageJson, 'id' | 'references'>[],
): string {
  const { reference } = rootfs;
  if (reference === undefined) return rootfs.path ?? '(host)';
  if (imageId === null || imageId === undefined) return reference;
  const named = (name: string) => images.find(({ references }) => references.includes(name));
  // A part of isopod itself goes by a name that no image of a registry has.
  const now = named(storedName(reference)) ?? named(`embedded:${reference}`);
  const isSame = now?.id === imageId || (now === undefined && ID.test(reference));
  return isSame ? reference : imageId.replace(/^sha256:/, '').slice(0, SHOWN_ID_DIGITS);
}

/** As the store has names: written out, and without a tag where there is a digest. */
function storedName(text: string): string {
  let reference: ImageReference;
  try {
    reference = parseImageReference(text);
  } catch {
    return text; // an id of 64 digits is no reference
  }
  if (reference.kind !== 'registry' || reference.digest === undefined) return formatImageReference(reference);
  return formatImageReference({ ...reference, tag: undefined });
}
