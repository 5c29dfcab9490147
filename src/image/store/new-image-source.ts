import type { BlobStore } from '../blob-store.ts';
import { sha256Of } from '../config-document.ts';
import type { NewImage } from '../images.ts';
import type { ImageSource } from '../source.ts';
import { manifestTypeOf } from './manifest-type.ts';
import { storeSource } from './store-source.ts';

/** An image that was put together here: manifest and config in memory, its layers in the store. */
export function newImageSource({ manifest, config }: NewImage, blobs: BlobStore, name: string): ImageSource {
  const configDigest = sha256Of(config);
  const stored = storeSource(blobs, { name, manifestDigest: sha256Of(manifest) });
  return {
    ...stored,
    root: async () => ({ mediaType: manifestTypeOf(manifest), bytes: manifest }),
    blob: (descriptor, signal, startByte = 0) =>
      descriptor.digest === configDigest
        ? once(config.subarray(startByte))
        : stored.blob(descriptor, signal, startByte),
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes;
}
