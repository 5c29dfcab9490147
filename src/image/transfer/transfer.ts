import type { Digest } from '../../model/digest.ts';
import type { Platform } from '../../model/platform.ts';
import { sha256Of } from '../config-document.ts';
import { verified } from '../layer-stream.ts';
import type { ImageLimits } from '../limits.ts';
import { type Descriptor, isIndex, parseManifest } from '../manifest.ts';
import { fromOtherSenders } from '../other-senders.ts';
import { inParallel } from '../parallel.ts';
import { findManifest } from '../resolve.ts';
import type { FetchedManifest, ImageSource } from '../source.ts';
import type { SourceNotice } from '../source-notice.ts';
import type { ImageTarget } from '../target.ts';
import type { Judge } from '../trust/judge.ts';
import { type ManifestTree, manifestTree } from './manifest-tree.ts';
import { ociTree } from './oci-tree.ts';

/** Where a transfer is; one event per change, at most a few per second and blob. */
export type TransferProgress =
  | SourceNotice
  | { readonly kind: 'resolved'; readonly layers: readonly { readonly digest: Digest; readonly sizeBytes: number }[] }
  | {
      readonly kind: 'layer';
      readonly digest: Digest;
      readonly state: 'exists' | 'fetching' | 'copied';
      readonly doneBytes: number;
    };

export interface TransferOptions {
  /** The manifest for one platform, or all that the reference leads to. */
  readonly platforms: Platform | 'all';
  readonly limits: ImageLimits;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: TransferProgress) => void;
  /** Says what is not to be taken, once it is resolved and before anything is written. */
  readonly judge?: Judge | undefined;
}

const REPORT_BYTES = 1 << 20;

/**
 * Copies an image from a source to a target, byte for byte: what has a digest keeps it, but for a target that
 * writes a manifest of its own, or whose readers know OCI's documents alone. Nothing is unpacked, and nothing runs. Neither source nor target is closed.
 *
 * @returns the digest of what the target's reference names now
 * @throws {EngineError} what source and target throw; `image-content.*` (data-loss) when the source sends other bytes
 */
export async function transferImage(
  source: ImageSource,
  target: ImageTarget,
  options: TransferOptions,
): Promise<{ readonly digest: Digest; readonly mediaType: string }> {
  const { limits, signal, onProgress = () => {} } = options;
  const documents = await documentsOf(source, options);
  const root = documents.at(-1) as FetchedManifest;
  target.checkRoot?.(root);
  if (target.isImagesOnly === true) parseManifest(root.bytes, { from: source.name, mediaType: root.mediaType, limits });
  await options.judge?.(
    documents.map(({ bytes }) => ({ digest: sha256Of(bytes), bytes })),
    source,
    signal,
  );
  const found = await manifestTree(source, root, { limits, signal });
  const tree = target.isOciOnly === true ? ociTree(found, source.name) : found;
  const blobs = blobsOf(tree);
  onProgress({ kind: 'resolved', layers: blobs });
  await inParallel(blobs, { limit: limits.parallelLayers, signal }, (blob, until) =>
    copyBlob(blob, { source, target, signal: until, onProgress }),
  );
  await putManifests(tree, target, signal);
  const { digest, mediaType } = tree.content;
  return { digest, mediaType };
}

/** From what the reference names to what is copied, which is last. A manifest by itself leaves no choice, and need not be an image. */
async function documentsOf(
  source: ImageSource,
  { platforms, limits, signal }: TransferOptions,
): Promise<readonly FetchedManifest[]> {
  const root = await source.root(signal);
  const isOne = platforms === 'all' || !isIndex(root.bytes, { from: source.name, mediaType: root.mediaType });
  if (isOne) return [root];
  const known = { name: source.name, root: async () => root, manifest: source.manifest.bind(source) };
  return (await findManifest(known, { platform: platforms, limits, signal })).documents;
}

interface BlobCopy {
  readonly source: ImageSource;
  readonly target: ImageTarget;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: TransferProgress) => void;
}

async function copyBlob(blob: Descriptor, { source, target, signal, onProgress }: BlobCopy): Promise<void> {
  const { digest, sizeBytes } = blob;
  if (await target.hasBlob(blob, signal)) {
    onProgress({ kind: 'layer', digest, state: 'exists', doneBytes: sizeBytes });
    return;
  }
  const what = `${digest} of ${source.name}`;
  const content = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    let doneBytes = 0;
    let toldBytes = 0;
    for await (const chunk of verified(source.blob(blob, signal), blob, what)) {
      doneBytes += chunk.length;
      if (doneBytes - toldBytes >= REPORT_BYTES) {
        toldBytes = doneBytes;
        onProgress({ kind: 'layer', digest, state: 'fetching', doneBytes });
      }
      yield chunk;
    }
  };
  const chances = target.isStream === true ? 'one' : 'all';
  await fromOtherSenders(source, blob, () => target.putBlob(blob, content, signal), chances);
  onProgress({ kind: 'layer', digest, state: 'copied', doneBytes: sizeBytes });
}

/** Each digest once; of a tree the configs come with the layers, for both are blobs. */
function blobsOf(tree: ManifestTree): readonly Descriptor[] {
  const found = new Map<Digest, Descriptor>();
  const visit = ({ blobs, parts }: ManifestTree): void => {
    for (const blob of blobs) if (!found.has(blob.digest)) found.set(blob.digest, blob);
    for (const part of parts) visit(part);
  };
  visit(tree);
  return [...found.values()];
}

/** What is named comes before what names it. */
async function putManifests(tree: ManifestTree, target: ImageTarget, signal: AbortSignal): Promise<void> {
  const put = new Set<Digest>();
  const putParts = async ({ parts }: ManifestTree): Promise<void> => {
    for (const part of parts) {
      await putParts(part);
      if (put.has(part.content.digest)) continue;
      put.add(part.content.digest);
      await target.putManifest(part.content, 'part', signal);
    }
  };
  await putParts(tree);
  await target.putManifest(tree.content, 'root', signal);
}
