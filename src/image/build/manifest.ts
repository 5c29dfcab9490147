import type { Digest } from '../../model/digest.ts';
import { sha256Of } from '../config-document.ts';
import type { Descriptor } from '../manifest.ts';
import { layerCompression, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../media-types.ts';

/** The manifest of an image that was made here. */
export interface MadeManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/**
 * The OCI manifest of a config and its layers, bottom first. Layers of a Docker image keep their bytes and get the media
 * types of OCI, for no manifest may mix the two.
 */
export function makeManifest(config: Uint8Array, layers: readonly Descriptor[]): MadeManifest {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, digest: sha256Of(config), size: config.length },
      layers: layers.map(({ mediaType, digest, sizeBytes }) => ({
        mediaType: ociType(mediaType),
        digest,
        size: sizeBytes,
      })),
    }),
  );
  return { digest: sha256Of(bytes), mediaType: OCI_MANIFEST, bytes };
}

const DOCKER = 'application/vnd.docker.';

function ociType(mediaType: string): string {
  if (!mediaType.startsWith(DOCKER)) return mediaType;
  const compression = layerCompression(mediaType);
  return compression === 'none' || compression === undefined ? OCI_LAYER : `${OCI_LAYER}+${compression}`;
}
