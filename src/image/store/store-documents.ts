import type { Digest } from '../../model/digest.ts';
import { sha256Of } from '../config-document.ts';
import { asOciManifest } from '../oci-manifest.ts';
import type { ResolvedImage } from '../resolve.ts';
import { manifestTypeOf } from './manifest-type.ts';

/** A document of an image as a blob. */
interface StoredDocument {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** The documents that are kept of an image: those that came, and for a Docker manifest what tools that read OCI layouts are shown. */
export function documentsOf({
  manifest,
  config,
}: Pick<ResolvedImage, 'manifest' | 'config'>): readonly StoredDocument[] {
  const shown = ociCopyOf(manifest.bytes);
  return [manifest, config, ...(shown === undefined ? [] : [shown])];
}

/** A Docker manifest as an OCI manifest; `undefined` for one that is that already. */
export function ociCopyOf(manifest: Uint8Array): StoredDocument | undefined {
  const bytes = asOciManifest(manifest, { from: 'an image of the store', mediaType: manifestTypeOf(manifest) });
  return bytes && { digest: sha256Of(bytes), bytes };
}
