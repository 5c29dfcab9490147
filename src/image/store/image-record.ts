import type { Digest } from '../../model/digest.ts';
import type { Image } from '../../model/image-config.ts';
import type { TrustVerdict } from '../../model/trust-verdict.ts';
import type { Descriptor } from '../manifest.ts';

/**
 * An image as `images.json` keeps it: with one manifest. The same image, by its config and by what its layers hold, may come with
 * several manifests, packed in other ways; each is a record of its own, and names stand for one of them.
 */
export interface ImageRecord extends Omit<Image, 'references' | 'manifestDigests'> {
  /** What its manifest is, and the layers as they came, bottom first; absent when an older version pulled it: it kept no layers' blobs. */
  readonly manifest?: { readonly mediaType: string; readonly sizeBytes: number };
  /** A Docker manifest as an OCI one: what `index.json` names, for those who read the store as a layout. */
  readonly ociManifest?: { readonly digest: Digest; readonly sizeBytes: number };
  readonly layers?: readonly Descriptor[];
  /** How it last came: by a pull unless said, with an archive that was loaded, or by an import or a commit. */
  readonly comesBy?: 'pull' | 'load' | 'make';
  /** When it was stored here, in milliseconds since 1970. */
  readonly storedAtMs?: number;
  /** Repositories that the image was ever named by, without tags; they tell the newest few of a name when a tag has moved on. */
  readonly repositories?: readonly string[];
}

/** What a name stands for. */
export interface NamedManifest {
  readonly manifest: Digest;
  /** What the trust policy found when it came by that name. */
  readonly trust?: TrustVerdict;
}

/** An image with all of its records, of which the first is the one that its id stands for, and all of its names. */
export interface StoredImage {
  readonly id: Digest;
  readonly records: readonly [ImageRecord, ...ImageRecord[]];
  readonly references: readonly string[];
}

/** Every blob that an image is made of, as far as it is kept. */
export function blobsOf(record: ImageRecord): readonly Digest[] {
  return [record.id, ...manifestsOf(record), ...(record.layers ?? []).map(({ digest }) => digest)];
}

/** The manifest that came, and what others are shown for it. */
export function manifestsOf({
  manifestDigest,
  ociManifest,
}: Pick<ImageRecord, 'manifestDigest' | 'ociManifest'>): readonly Digest[] {
  return ociManifest === undefined ? [manifestDigest] : [manifestDigest, ociManifest.digest];
}
