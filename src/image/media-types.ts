/** Media types of manifests (OCI image-spec v1.1 media-types.md; Docker image manifest v2 schema 2). */
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';
const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** What we tell a registry that we understand. */
export const ACCEPTED_MANIFESTS: readonly string[] = [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST];

/** What OCI calls what Docker's types name; the contents are the same (OCI image-spec v1.1, media-types.md, compatibility matrix). */
const OCI_TYPES: ReadonlyMap<string, string> = new Map([
  [DOCKER_MANIFEST, OCI_MANIFEST],
  [DOCKER_INDEX, OCI_INDEX],
  ['application/vnd.docker.container.image.v1+json', OCI_CONFIG],
  ['application/vnd.docker.image.rootfs.diff.tar', OCI_LAYER],
  ['application/vnd.docker.image.rootfs.diff.tar.gzip', `${OCI_LAYER}+gzip`],
  ['application/vnd.docker.image.rootfs.diff.tar.zstd', `${OCI_LAYER}+zstd`],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar', 'application/vnd.oci.image.layer.nondistributable.v1.tar'],
  [
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  ],
]);

const MANIFEST_SHAPES: ReadonlyMap<string, 'manifest' | 'index'> = new Map([
  [OCI_MANIFEST, 'manifest'],
  [DOCKER_MANIFEST, 'manifest'],
  [OCI_INDEX, 'index'],
  [DOCKER_INDEX, 'index'],
]);

const CONFIG_TYPES: ReadonlySet<string> = new Set([OCI_CONFIG, 'application/vnd.docker.container.image.v1+json']);

/** What a media type says of a layer's compression; the bytes have the last word (ADR 0122). */
export type Compression = 'gzip' | 'zstd' | 'none';

const LAYER_COMPRESSIONS: ReadonlyMap<string, Compression> = new Map([
  [OCI_LAYER, 'none'],
  [`${OCI_LAYER}+gzip`, 'gzip'],
  [`${OCI_LAYER}+zstd`, 'zstd'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar', 'none'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', 'gzip'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+zstd', 'zstd'],
  ['application/vnd.docker.image.rootfs.diff.tar', 'none'],
  ['application/vnd.docker.image.rootfs.diff.tar.gzip', 'gzip'],
  ['application/vnd.docker.image.rootfs.diff.tar.zstd', 'zstd'],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar', 'none'],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', 'gzip'],
]);

/** Whether a document of this type is one image's manifest or a list of them; `undefined` for a type we do not know. */
export function manifestShape(mediaType: string): 'manifest' | 'index' | undefined {
  return MANIFEST_SHAPES.get(mediaType);
}

/** The OCI type for one of Docker's; any other is left as it is. */
export function ociTypeOf(mediaType: string): string {
  return OCI_TYPES.get(mediaType) ?? mediaType;
}

export function isDockerManifest(mediaType: string): boolean {
  return mediaType === DOCKER_MANIFEST;
}

export function isDockerIndex(mediaType: string): boolean {
  return mediaType === DOCKER_INDEX;
}

export function isImageConfigType(mediaType: string): boolean {
  return CONFIG_TYPES.has(mediaType);
}

/** How a layer of this type is compressed; `undefined` for a type that cannot be unpacked. */
export function layerCompression(mediaType: string): Compression | undefined {
  return LAYER_COMPRESSIONS.get(mediaType);
}
