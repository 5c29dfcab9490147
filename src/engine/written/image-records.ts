import type { Images } from '../../image/images.ts';
import { parseJsonObject } from '../../image/json-fields.ts';
import { readVerified } from '../../image/layer-stream.ts';
import { DEFAULT_LIMITS } from '../../image/limits.ts';
import { type Descriptor, manifestErrors, parseManifest } from '../../image/manifest.ts';
import { imageStoreErrors } from '../../image/store/store-errors.ts';
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
        const { manifest, config } = await readImage(images, text);
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

/** @throws {EngineError} not-found; data-loss when a document was damaged */
export async function readImage(images: Pick<Images, 'source'>, text: string): Promise<ImageDocuments> {
  const source = await images.source(text);
  const { signal } = new AbortController(); // files of our own, a few kilobytes each
  try {
    const { bytes: manifest, mediaType } = await source.root(signal);
    const document = parseManifest(manifest, { from: source.name, mediaType });
    if (document.shape !== 'manifest') {
      throw manifestErrors.malformed({ from: source.name, reason: 'it is an index, and one of an image was kept' });
    }
    const config = await readVerified(source.blob(document.config, signal), document.config, {
      what: `the config of ${source.name}`,
      limitBytes: DEFAULT_LIMITS.maxConfigBytes,
    });
    return { manifest, config, layers: document.layers };
  } finally {
    source.close();
  }
}
