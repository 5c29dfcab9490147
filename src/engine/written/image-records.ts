import { shownName } from '../../image/collect/remedy.ts';
import type { Images } from '../../image/images.ts';
import { parseJsonObject } from '../../image/json-fields.ts';
import { readVerified } from '../../image/layer-stream.ts';
import { DEFAULT_LIMITS } from '../../image/limits.ts';
import { type Descriptor, manifestErrors, parseManifest } from '../../image/manifest.ts';
import { imageStoreErrors } from '../../image/store/store-errors.ts';
import { storeSource } from '../../image/store/store-source.ts';
import { isErrorOfKind } from '../../model/error.ts';
import type { Image } from '../../model/image-config.ts';
import { findImage } from '../launch-image.ts';
import type { Operate } from '../tree-access.ts';
import type { ImageRecordOperations } from './image-record-facade.ts';

/** @param operate counts an operation, so that idleness and closing know of it */
export function imageRecordOperations(images: Images, operate: Operate): ImageRecordOperations {
  return {
    tag: (text, reference) => operate(() => images.tag(text, reference)),
    details: (text) =>
      operate(async () => {
        const image = await findImage(images, text);
        if (image === undefined) throw imageStoreErrors.unknown({ text });
        const { manifest, config } = await readImage(images, image);
        const refuse = (reason: string): never => {
          throw manifestErrors.malformed({ from: text, reason });
        };
        return { image, manifest: parseJsonObject(manifest, refuse), config: parseJsonObject(config, refuse) };
      }),
  };
}

/** An image as its documents have it. */
export interface ImageDocuments {
  readonly manifest: Uint8Array;
  readonly config: Uint8Array;
  /** Bottom first. */
  readonly layers: readonly Descriptor[];
}

/**
 * Reads what an image of the store is made of.
 *
 * @throws {EngineError} `images.damaged` (data-loss) for a document that is damaged or gone, with what brings it back
 */
export async function readImage(
  images: Pick<Images, 'blobs' | 'upkeep'>,
  image: Pick<Image, 'id' | 'manifestDigest' | 'references'>,
): Promise<ImageDocuments> {
  const name = shownName(image.references) ?? image.id;
  const source = storeSource(images.blobs, { name, manifestDigest: image.manifestDigest });
  const { signal } = new AbortController(); // files of our own, a few kilobytes each
  let digest = image.manifestDigest;
  try {
    const { bytes: manifest, mediaType } = await source.root(signal);
    const document = parseManifest(manifest, { from: name, mediaType });
    if (document.shape !== 'manifest') {
      throw manifestErrors.malformed({ from: name, reason: 'it is an index, and one of an image was kept' });
    }
    digest = document.config.digest;
    const config = await readVerified(source.blob(document.config, signal), document.config, {
      what: `config ${digest}`,
      limitBytes: DEFAULT_LIMITS.maxConfigBytes,
    });
    return { manifest, config, layers: document.layers };
  } catch (error) {
    if (!isErrorOfKind(error, 'data-loss', 'not-found', 'resource-exhausted')) throw error;
    const remedy = await images.upkeep.remedy(image.manifestDigest, digest);
    throw imageStoreErrors.damaged({ image: name, found: error.message, remedy }, error);
  } finally {
    source.close();
  }
}
