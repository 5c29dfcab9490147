import { OCI_INDEX, OCI_MANIFEST } from '../media-types.ts';
import type { ImageList } from './image-list.ts';

/** What names an image in a layout may have: others tools refuse (OCI image-spec v1.1, annotations.md). */
const LAYOUT_NAME = /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;

export const OCI_LAYOUT = '{"imageLayoutVersion":"1.0.0"}\n';

/**
 * `index.json` of the store, for other tools that read it as an OCI layout: every image whose blobs are all here, once for each of
 * its names. We never read it; `images.json` is what counts.
 */
export function layoutIndex({ records, names }: ImageList): string {
  const manifests = [...records.values()].flatMap((image) => {
    const { manifest, ociManifest, layers, manifestDigest, os, architecture } = image;
    if (manifest === undefined || layers === undefined) return [];
    const came = { mediaType: manifest.mediaType, digest: manifestDigest, size: manifest.sizeBytes };
    // Who reads layouts passes over Docker's manifests.
    const shown = ociManifest && { mediaType: OCI_MANIFEST, digest: ociManifest.digest, size: ociManifest.sizeBytes };
    const entry = { ...(shown ?? came), platform: { architecture, os } };
    const own = [...names].filter(([name, named]) => named.manifest === manifestDigest && LAYOUT_NAME.test(name));
    if (own.length === 0) return [entry];
    return own.map(([name]) => ({ ...entry, annotations: { 'org.opencontainers.image.ref.name': name } }));
  });
  return `${JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })}\n`;
}
