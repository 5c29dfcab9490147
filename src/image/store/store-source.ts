import type { Digest } from '../../model/digest.ts';
import { defineErrors, systemErrorCode } from '../../model/error.ts';
import type { BlobStore } from '../blob-store.ts';
import { readVerified } from '../layer-stream.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import type { Descriptor } from '../manifest.ts';
import type { FetchedManifest, ImageSource } from '../source.ts';
import { manifestTypeOf } from './manifest-type.ts';

/** The id of an image, or its beginning: no registry knows it. */
const ID = /^(?:sha256:)?[0-9a-f]{12,64}$/;

export const storeSourceErrors = defineErrors('image-store', {
  blobMissing: {
    kind: 'not-found',
    message: (d: { image: string; digest: string }) => `of image ${d.image} the content ${d.digest} is not kept here`,
    remedy: (d: { image: string }) =>
      ID.test(d.image)
        ? `isopod image verify ${d.image} tells what brings it back`
        : `pull it again: isopod pull ${d.image} (images pulled by an older version are kept unpacked only)`,
  },
});

/** An image of the store as a source, for push, save and copy. Its manifest and blobs are those that came. */
export function storeSource(
  blobs: Pick<BlobStore, 'read' | 'sizeOf'>,
  image: { readonly name: string; readonly manifestDigest: Digest },
): ImageSource {
  const { name, manifestDigest } = image;
  async function* read(digest: Digest, startByte: number): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* blobs.read(digest, startByte);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      throw storeSourceErrors.blobMissing({ image: name, digest }, error);
    }
  }
  const manifest = async (descriptor: Pick<Descriptor, 'digest' | 'sizeBytes'>): Promise<FetchedManifest> => {
    const bytes = await readVerified(
      read(descriptor.digest, 0),
      { ...descriptor, mediaType: '' },
      { what: `manifest ${descriptor.digest} of ${name}`, limitBytes: DEFAULT_LIMITS.maxManifestBytes },
    );
    return { mediaType: manifestTypeOf(bytes), bytes };
  };
  return {
    name,
    pinned: manifestDigest,
    root: async () => {
      const sizeBytes = await blobs.sizeOf(manifestDigest);
      if (sizeBytes === undefined) throw storeSourceErrors.blobMissing({ image: name, digest: manifestDigest });
      return await manifest({ digest: manifestDigest, sizeBytes });
    },
    manifest: (descriptor) => manifest(descriptor),
    blob: (descriptor, _signal, startByte = 0) => read(descriptor.digest, startByte),
    close: () => {},
  };
}
