import type { BlobStore } from '../blob-store.ts';
import type { ImageLimits } from '../limits.ts';
import type { ImageSource } from '../source.ts';
import { storeSourceErrors } from '../store/store-source.ts';
import { type ManifestTree, manifestTree } from './manifest-tree.ts';

/**
 * Looks whether the store still has all that an image is made of, before a byte of an archive is sent: later there is
 * no way to tell but to break off.
 *
 * @throws {EngineError} `image-store.blobMissing` (not-found)
 */
export async function checkKept(
  source: ImageSource,
  blobs: Pick<BlobStore, 'sizeOf'>,
  context: { readonly limits: ImageLimits; readonly signal: AbortSignal },
): Promise<void> {
  const check = async (tree: ManifestTree): Promise<void> => {
    for (const { digest } of tree.blobs) {
      if ((await blobs.sizeOf(digest)) === undefined) {
        throw storeSourceErrors.blobMissing({ image: source.name, digest });
      }
    }
    for (const part of tree.parts) await check(part);
  };
  await check(await manifestTree(source, await source.root(context.signal), context));
}
