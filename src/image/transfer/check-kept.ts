import type { Digest } from '../../model/digest.ts';
import { isErrorOfKind } from '../../model/error.ts';
import type { BlobStore } from '../blob-store.ts';
import { contentErrors, readVerified } from '../layer-stream.ts';
import type { ImageLimits } from '../limits.ts';
import type { Descriptor } from '../manifest.ts';
import { isImageConfigType } from '../media-types.ts';
import type { ImageSource } from '../source.ts';
import { imageStoreErrors } from '../store/store-errors.ts';
import { storeSourceErrors } from '../store/store-source.ts';
import { type ManifestTree, manifestTree } from './manifest-tree.ts';

/** An image of the store, for errors. */
export interface KeptImage {
  readonly name: string;
  /** What brings back a blob of it that is damaged, as a sentence. */
  readonly remedy: (digest: Digest) => Promise<string>;
}

interface CheckContext {
  readonly limits: ImageLimits;
  readonly signal: AbortSignal;
  readonly image: KeptImage;
}

/**
 * Looks whether the store still has all that an image is made of, before a byte of an archive is sent: later there is
 * no way to tell but to break off. Manifests and configs are hashed; of layers the size is looked at.
 *
 * @throws {EngineError} `image-store.blobMissing` (not-found), `images.damaged` (data-loss)
 */
export async function checkKept(
  source: ImageSource,
  blobs: Pick<BlobStore, 'sizeOf'>,
  context: CheckContext,
): Promise<void> {
  const check = async (tree: ManifestTree): Promise<void> => {
    for (const blob of tree.blobs)
      await checkBlob(source, blob, { sizeBytes: await blobs.sizeOf(blob.digest), context });
    for (const part of tree.parts) await check(part);
  };
  try {
    await check(await manifestTree(source, await source.root(context.signal), context));
  } catch (error) {
    throw await asDamage(error, context.image);
  }
}

/** Bytes of the store that are not what they should be, as an error that says so, with what brings them back; any other error as it is. */
export async function asDamage(error: unknown, { name, remedy }: KeptImage): Promise<unknown> {
  if (!isErrorOfKind(error, 'data-loss') || !error.code.startsWith(CONTENT)) return error;
  const { digest, expected = digest } = error.details;
  const found = { image: name, found: error.message };
  return imageStoreErrors.damaged({ ...found, remedy: await remedy(expected as Digest) }, error);
}

const CONTENT = 'image-content.';

async function checkBlob(
  source: ImageSource,
  blob: Descriptor,
  { sizeBytes, context }: { readonly sizeBytes: number | undefined; readonly context: CheckContext },
): Promise<void> {
  const { digest, mediaType } = blob;
  if (sizeBytes === undefined) throw storeSourceErrors.blobMissing({ image: source.name, digest });
  if (isImageConfigType(mediaType)) {
    const bound = { what: `its config ${digest}`, limitBytes: context.limits.maxConfigBytes };
    await readVerified(source.blob(blob, context.signal), blob, bound);
  } else if (sizeBytes !== blob.sizeBytes) throw wrongSize(digest, { sizeBytes, expectedBytes: blob.sizeBytes });
}

function wrongSize(
  digest: Digest,
  { sizeBytes, expectedBytes }: { readonly sizeBytes: number; readonly expectedBytes: number },
): Error {
  const what = `its layer ${digest}`;
  return sizeBytes > expectedBytes
    ? contentErrors.tooLong({ what, digest, expectedBytes })
    : contentErrors.truncated({ what, digest, expectedBytes, actualBytes: sizeBytes });
}
