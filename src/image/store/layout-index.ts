import { OCI_INDEX } from '../media-types.ts';
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
    const { manifest, layers, manifestDigest: digest, os, architecture } = image;
    if (manifest === undefined || layers === undefined) return [];
    const entry = { mediaType: manifest.mediaType, digest, size: manifest.sizeBytes, platform: { architecture, os } };
    const own = [...names].filter(([name, named]) => named.manifest === digest && LAYOUT_NAME.test(name));
    if (own.length === 0) return [entry];
    return own.map(([name]) => ({ ...entry, annotations: { 'org.opencontainers.image.ref.name': name } }));
  });
  return `${JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })}\n`;
}
