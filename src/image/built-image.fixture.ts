import { gzipSync } from 'node:zlib';
import type { Digest } from '../model/digest.ts';
import { hostPlatform, type Platform } from '../model/platform.ts';
import { sha256Of } from './config-document.ts';
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from './media-types.ts';

/** An image put together for a test: what a registry or a layout would hold. */
export interface BuiltImage {
  readonly manifest: { readonly digest: Digest; readonly bytes: Buffer; readonly mediaType: string };
  readonly config: { readonly digest: Digest; readonly bytes: Buffer };
  readonly layers: readonly { readonly digest: Digest; readonly bytes: Buffer; readonly diffId: Digest }[];
}

export interface BuildOptions {
  readonly platform?: Platform;
  readonly compress?: boolean;
  readonly manifestType?: string;
  readonly configType?: string;
  readonly layerType?: string;
  readonly config?: object;
  /** Replaces what the config says the layers unpack to. */
  readonly diffIds?: readonly string[];
}

/** Builds an image of uncompressed tar layers, bottom first. */
export function buildImage(tars: readonly Uint8Array[], options: BuildOptions = {}): BuiltImage {
  const compress = options.compress ?? true;
  const layers = tars.map((tar) => {
    const bytes = compress ? gzipSync(tar, { level: 1 }) : Buffer.from(tar);
    return { bytes, digest: sha256Of(bytes), diffId: sha256Of(tar) };
  });
  const platform = options.platform ?? hostPlatform();
  const config = encode({
    os: platform.os,
    architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    created: '2024-01-02T03:04:05Z',
    config: options.config ?? { Cmd: ['/bin/sh'], Env: ['PATH=/bin'], WorkingDir: '/srv', User: 'nobody' },
    rootfs: { type: 'layers', diff_ids: options.diffIds ?? layers.map(({ diffId }) => diffId) },
  });
  const mediaType = options.manifestType ?? OCI_MANIFEST;
  const layerType = options.layerType ?? (compress ? `${OCI_LAYER}+gzip` : OCI_LAYER);
  const manifest = encode({
    schemaVersion: 2,
    mediaType,
    config: { mediaType: options.configType ?? OCI_CONFIG, digest: sha256Of(config), size: config.length },
    layers: layers.map(({ digest, bytes }) => ({ mediaType: layerType, digest, size: bytes.length })),
  });
  return {
    manifest: { digest: sha256Of(manifest), bytes: manifest, mediaType },
    config: { digest: sha256Of(config), bytes: config },
    layers,
  };
}

/** An index over images, each for its platform. */
export function buildIndex(
  images: readonly { readonly image: BuiltImage; readonly platform?: Platform; readonly name?: string }[],
): Buffer {
  return encode({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: images.map(({ image, platform, name }) => ({
      mediaType: image.manifest.mediaType,
      digest: image.manifest.digest,
      size: image.manifest.bytes.length,
      ...(platform === undefined ? {} : { platform }),
      ...(name === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': name } }),
    })),
  });
}

/** Files of an OCI layout by path, in the order in which tools write them. */
export function layoutOf(index: Buffer, images: readonly BuiltImage[]): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>([
    ['oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
    ['index.json', index],
  ]);
  for (const { manifest, config, layers } of images) {
    for (const { digest, bytes } of [manifest, config, ...layers]) {
      files.set(`blobs/sha256/${digest.slice('sha256:'.length)}`, bytes);
    }
  }
  return files;
}

function encode(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}
