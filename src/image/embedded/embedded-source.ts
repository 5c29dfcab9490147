import type { Digest } from '../../model/digest.ts';
import type { Platform } from '../../model/platform.ts';
import { sha256Of } from '../config-document.ts';
import type { Descriptor } from '../manifest.ts';
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../media-types.ts';
import type { ImageSource } from '../source.ts';
import { writeTar } from './tar-writer.ts';

/**
 * An image of one static program, `/NAME`, as a source like any other: its parts are made here, and read, verified and
 * unpacked as if they came from a registry. The same program gives the same digests.
 */
export function embeddedSource(name: string, program: Uint8Array, platform: Platform): ImageSource {
  const layer = writeTar([
    { path: './', mode: 0o755 },
    { path: name, mode: 0o755, content: program },
  ]);
  const config = encode({
    architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    os: platform.os,
    config: { Entrypoint: [`/${name}`], WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: [sha256Of(layer)] },
  });
  const manifest = encode({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: describe(OCI_CONFIG, config),
    layers: [describe(OCI_LAYER, layer)],
  });
  const blobs = new Map<Digest, Uint8Array>([config, layer, manifest].map((bytes) => [sha256Of(bytes), bytes]));
  return {
    name: `embedded:${name}`,
    pinned: undefined,
    root: async () => ({ mediaType: OCI_MANIFEST, bytes: manifest }),
    manifest: async ({ digest, mediaType }) => ({ mediaType, bytes: blobs.get(digest) ?? new Uint8Array(0) }),
    blob: async function* ({ digest }, _signal, startByte = 0) {
      yield (blobs.get(digest) ?? new Uint8Array(0)).subarray(startByte);
    },
    close: () => {},
  };
}

function encode(document: object): Uint8Array {
  return Buffer.from(JSON.stringify(document), 'utf8');
}

function describe(mediaType: string, bytes: Uint8Array): Omit<Descriptor, 'sizeBytes'> & { readonly size: number } {
  return { mediaType, digest: sha256Of(bytes), size: bytes.length };
}
