import { OCI_MANIFEST } from '../media-types.ts';

/**
 * The media type of a manifest of ours. Docker's say it inside, and so should OCI's; one that does not is an OCI manifest
 * (OCI image-spec v1.1, manifest.md, "mediaType").
 */
export function manifestTypeOf(bytes: Uint8Array): string {
  try {
    const document = JSON.parse(Buffer.from(bytes).toString()) as { readonly mediaType?: unknown } | null;
    return typeof document?.mediaType === 'string' ? document.mediaType : OCI_MANIFEST;
  } catch {
    return OCI_MANIFEST;
  }
}
