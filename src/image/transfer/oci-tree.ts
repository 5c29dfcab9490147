import { sha256Of } from '../config-document.ts';
import type { Descriptor } from '../manifest.ts';
import { manifestShape, OCI_INDEX, OCI_MANIFEST, ociTypeOf } from '../media-types.ts';
import { asOciIndex, asOciManifest } from '../oci-manifest.ts';
import type { ManifestTree } from './manifest-tree.ts';

/**
 * A tree for where nothing but OCI's documents is read: Docker's manifests and lists as OCI's, with digests of their own. What
 * names none of them is left, byte for byte. Pure.
 *
 * @throws {EngineError} `manifest.malformed`
 */
export function ociTree(tree: ManifestTree, from: string): ManifestTree {
  const { content, blobs } = tree;
  const context = { from, mediaType: content.mediaType };
  if (manifestShape(content.mediaType) === 'manifest') {
    const bytes = asOciManifest(content.bytes, context);
    if (bytes === undefined) return tree;
    const described = blobs.map((blob) => ({ ...blob, mediaType: ociTypeOf(blob.mediaType) }));
    return { content: contentOf(bytes, OCI_MANIFEST), blobs: described, parts: [] };
  }
  const parts = tree.parts.map((part) => ociTree(part, from));
  const converted = new Map<string, Descriptor>();
  for (const [at, { content: after }] of parts.entries()) {
    const before = tree.parts[at]?.content.digest ?? '';
    const { mediaType, digest, bytes } = after;
    if (digest !== before) converted.set(before, { mediaType, digest, sizeBytes: bytes.length });
  }
  const bytes = asOciIndex(content.bytes, context, converted);
  return bytes === undefined ? { ...tree, parts } : { content: contentOf(bytes, OCI_INDEX), blobs, parts };
}

function contentOf(bytes: Uint8Array, mediaType: string): ManifestTree['content'] {
  return { mediaType, digest: sha256Of(bytes), bytes };
}
