import type { Digest } from '../model/digest.ts';
import { asArray, asObject, type JsonObject, parseJsonObject, type Refuse } from './json-fields.ts';
import { type Descriptor, manifestErrors } from './manifest.ts';
import { isDockerIndex, isDockerManifest, OCI_INDEX, OCI_MANIFEST, ociTypeOf } from './media-types.ts';

/**
 * A Docker schema 2 manifest as an OCI manifest that says the same: the same blobs, by OCI's types for them. The fields are in
 * the order that skopeo writes them in, so that both get the same digest where skopeo leaves the config alone. Pure.
 *
 * @returns `undefined` for a document of any other type: it is left as it is
 * @throws {EngineError} `manifest.malformed`
 */
export function asOciManifest(
  bytes: Uint8Array,
  { from, mediaType }: { readonly from: string; readonly mediaType: string },
): Uint8Array | undefined {
  if (!isDockerManifest(mediaType)) return undefined;
  const refuse = refusal(from);
  const { config, layers } = parseJsonObject(bytes, refuse);
  const converted = asArray(layers, 'layers', refuse).map((layer, at) => ociDescriptor(layer, `layers[${at}]`, refuse));
  const content = { config: ociDescriptor(config, 'config', refuse), layers: converted };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, ...content }));
}

/**
 * An index whose manifests were converted, with their new digests; a Docker manifest list becomes an OCI index. Pure.
 *
 * @param converted by the digests that they had
 * @returns `undefined` where nothing of it changes
 * @throws {EngineError} `manifest.malformed`
 */
export function asOciIndex(
  bytes: Uint8Array,
  { from, mediaType }: { readonly from: string; readonly mediaType: string },
  converted: ReadonlyMap<string, Descriptor>,
): Uint8Array | undefined {
  const isList = isDockerIndex(mediaType);
  if (!isList && converted.size === 0) return undefined;
  const refuse = refusal(from);
  const document = parseJsonObject(bytes, refuse);
  const manifests = asArray(document.manifests, 'manifests', refuse).map((value, at) => {
    const entry = asObject(value, `manifests[${at}]`, refuse);
    const part = converted.get(String(entry.digest));
    const described = part === undefined ? entry : { ...entry, ...jsonOf(part) };
    return isList ? listedAsOci(described) : described;
  });
  const index = isList ? { schemaVersion: 2, mediaType: OCI_INDEX, manifests } : { ...document, manifests };
  return Buffer.from(JSON.stringify(index));
}

function refusal(from: string): Refuse {
  return (reason) => {
    throw manifestErrors.malformed({ from, reason });
  };
}

function jsonOf({ mediaType, digest, sizeBytes }: Descriptor): {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
} {
  return { mediaType, digest, size: sizeBytes };
}

function ociDescriptor(value: unknown, what: string, refuse: Refuse): JsonObject {
  const { mediaType, digest, size, urls, annotations } = asObject(value, what, refuse);
  return { mediaType: ociTypeOf(String(mediaType)), digest, size, ...present({ urls, annotations }) };
}

/** What OCI's index says of a manifest; Docker's list has the processor's `features` besides, for which OCI has no field. */
function listedAsOci({ mediaType, digest, size, urls, annotations, platform }: JsonObject): JsonObject {
  return {
    ...{ mediaType: ociTypeOf(String(mediaType)), digest, size },
    ...present({ urls, annotations, platform: ociPlatform(platform) }),
  };
}

function ociPlatform(platform: unknown): JsonObject | undefined {
  if (typeof platform !== 'object' || platform === null) return undefined;
  const fields = ['architecture', 'os', 'os.version', 'os.features', 'variant'];
  const given = platform as JsonObject;
  return Object.fromEntries(fields.flatMap((field) => (given[field] === undefined ? [] : [[field, given[field]]])));
}

function present(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
