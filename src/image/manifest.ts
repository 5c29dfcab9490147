import { type Digest, isDigest } from '../model/digest.ts';
import { defineErrors } from '../model/error.ts';
import { normalisedPlatform, type Platform } from '../model/platform.ts';
import {
  asArray,
  asObject,
  asString,
  type JsonObject,
  optionalString,
  parseJsonObject,
  type Refuse,
} from './json-fields.ts';
import { DEFAULT_LIMITS, type ImageLimits } from './limits.ts';
import { isImageConfigType, manifestShape } from './media-types.ts';

/** What is to be fetched: its kind, digest and exact size (OCI image-spec v1.1, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** A descriptor in an index, with what it is for. */
export interface IndexEntry extends Descriptor {
  readonly platform: Platform | undefined;
  /** The annotation `org.opencontainers.image.ref.name`. */
  readonly refName: string | undefined;
}

export type ManifestDocument =
  | { readonly shape: 'manifest'; readonly config: Descriptor; readonly layers: readonly Descriptor[] }
  | { readonly shape: 'index'; readonly entries: readonly IndexEntry[] };

export const manifestErrors = defineErrors('manifest', {
  malformed: {
    kind: 'data-loss',
    message: (d: { from: string; reason: string }) => `the manifest of ${d.from} is malformed: ${d.reason}`,
  },
  unknownType: {
    kind: 'unimplemented',
    message: (d: { from: string; mediaType: string }) =>
      `the manifest of ${d.from} has type ${JSON.stringify(d.mediaType)}, which is not supported`,
    remedy: () => 'push the image again as an OCI image or as Docker schema 2',
  },
  notAnImage: {
    kind: 'invalid-argument',
    message: (d: { from: string; mediaType: string }) =>
      `${d.from} is not a container image: its config has type ${JSON.stringify(d.mediaType)}`,
    remedy: () => 'to have it as it is, copy it to a registry, oci: or oci-archive: (isopod copy SOURCE TARGET)',
  },
  tooMany: {
    kind: 'resource-exhausted',
    message: (d: { from: string; what: string; count: number; limit: number }) =>
      `${d.from} has ${d.count} ${d.what}, more than the ${d.limit} that are supported`,
    remedy: () => 'rebuild the image with fewer, larger steps',
  },
});

export interface ManifestContext {
  /** Names the image in errors. */
  readonly from: string;
  /** What the sender called it; a media type inside the document must agree. */
  readonly mediaType: string | undefined;
  readonly limits?: Pick<ImageLimits, 'maxLayers' | 'maxIndexEntries'>;
}

/**
 * Parses a manifest or an index. A document that could be read as both is refused (CVE-2021-41190).
 *
 * @throws {EngineError} `manifest.malformed`, `.unknownType`, `.notAnImage`, `.tooMany`
 */
export function parseManifest(bytes: Uint8Array, context: ManifestContext): ManifestDocument {
  const refuse: Refuse = (reason) => {
    throw manifestErrors.malformed({ from: context.from, reason });
  };
  const document = parseJsonObject(bytes, refuse);
  const shape = shapeOf(document, context, refuse);
  if (document.schemaVersion !== 2) refuse(`schemaVersion is ${JSON.stringify(document.schemaVersion)}, not 2`);
  return shape === 'index' ? parseIndex(document, context, refuse) : parseImage(document, context, refuse);
}

/** Whether a document is an index of images, for which it need not be a whole one. @throws {EngineError} `manifest.malformed`, `.unknownType` */
export function isIndex(bytes: Uint8Array, context: ManifestContext): boolean {
  const refuse: Refuse = (reason) => {
    throw manifestErrors.malformed({ from: context.from, reason });
  };
  return shapeOf(parseJsonObject(bytes, refuse), context, refuse) === 'index';
}

function shapeOf(document: JsonObject, context: ManifestContext, refuse: Refuse): 'manifest' | 'index' {
  const inside = optionalString(document, 'mediaType', refuse);
  const outside = context.mediaType;
  const outsideKnown = outside !== undefined && manifestShape(outside) !== undefined;
  if (inside !== undefined && outsideKnown && inside !== outside) {
    refuse(`it says it is ${inside}, but was sent as ${outside}`);
  }
  const mediaType = inside ?? outside ?? '';
  const shape = manifestShape(mediaType);
  if (shape === undefined) throw manifestErrors.unknownType({ from: context.from, mediaType });
  const foreign = shape === 'index' ? ['layers', 'config', 'fsLayers'] : ['manifests', 'fsLayers'];
  const present = foreign.find((field) => document[field] !== undefined);
  if (present !== undefined) refuse(`it is of type ${mediaType} and yet has ${present}`);
  return shape;
}

function parseIndex(document: JsonObject, context: ManifestContext, refuse: Refuse): ManifestDocument {
  const manifests = asArray(document.manifests, 'manifests', refuse);
  const limit = (context.limits ?? DEFAULT_LIMITS).maxIndexEntries;
  if (manifests.length > limit) {
    throw manifestErrors.tooMany({
      from: context.from,
      what: 'manifests in its index',
      count: manifests.length,
      limit,
    });
  }
  return { shape: 'index', entries: manifests.map((value, i) => parseIndexEntry(value, `manifests[${i}]`, refuse)) };
}

function parseIndexEntry(value: unknown, what: string, refuse: Refuse): IndexEntry {
  const object = asObject(value, what, refuse);
  const annotations = object.annotations ?? undefined;
  const refName =
    annotations === undefined
      ? undefined
      : optionalString(
          asObject(annotations, `${what}.annotations`, refuse),
          'org.opencontainers.image.ref.name',
          refuse,
        );
  return { ...parseDescriptor(value, what, refuse), platform: parseEntryPlatform(object, what, refuse), refName };
}

function parseEntryPlatform(entry: JsonObject, what: string, refuse: Refuse): Platform | undefined {
  const value = entry.platform ?? undefined;
  if (value === undefined) return undefined;
  const platform = asObject(value, `${what}.platform`, refuse);
  const [os, architecture, variant] = ['os', 'architecture', 'variant'].map((field) =>
    optionalString(platform, field, refuse),
  );
  // One that names no architecture says nothing of what it is for.
  if (!architecture) return undefined;
  return normalisedPlatform({ os: os ?? '', architecture, variant });
}

function parseImage(document: JsonObject, context: ManifestContext, refuse: Refuse): ManifestDocument {
  const config = parseDescriptor(document.config, 'config', refuse);
  if (!isImageConfigType(config.mediaType)) {
    throw manifestErrors.notAnImage({ from: context.from, mediaType: config.mediaType });
  }
  const layers = asArray(document.layers, 'layers', refuse);
  const limit = (context.limits ?? DEFAULT_LIMITS).maxLayers;
  if (layers.length > limit) {
    throw manifestErrors.tooMany({ from: context.from, what: 'layers', count: layers.length, limit });
  }
  return {
    shape: 'manifest',
    config,
    layers: layers.map((value, index) => parseDescriptor(value, `layers[${index}]`, refuse)),
  };
}

function parseDescriptor(value: unknown, what: string, refuse: Refuse): Descriptor {
  const object = asObject(value, what, refuse);
  const digest = asString(object.digest, `${what}.digest`, refuse);
  if (!isDigest(digest)) refuse(`${what}.digest ${JSON.stringify(digest)} is not sha256: and 64 hex digits`);
  const sizeBytes = object.size;
  if (typeof sizeBytes !== 'number' || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    refuse(`${what}.size is ${JSON.stringify(sizeBytes)}`);
  }
  return {
    mediaType: asString(object.mediaType, `${what}.mediaType`, refuse),
    digest: digest as Digest,
    sizeBytes: sizeBytes as number,
  };
}
