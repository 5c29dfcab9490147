import { type Digest, isDigest } from '../../model/digest.ts';
import { sha256Of } from '../config-document.ts';
import {
  asArray,
  asObject,
  asString,
  type JsonObject,
  optionalString,
  parseJsonObject,
  type Refuse,
} from '../json-fields.ts';
import type { ImageLimits } from '../limits.ts';
import { type Descriptor, manifestErrors } from '../manifest.ts';
import { manifestShape } from '../media-types.ts';
import type { FetchedManifest, ImageSource } from '../source.ts';
import type { ManifestContent } from '../target.ts';

/** A manifest or an index with all that it leads to. */
export interface ManifestTree {
  readonly content: ManifestContent;
  /** Config and layers, or whatever else it is made of; an index has none. */
  readonly blobs: readonly Descriptor[];
  readonly parts: readonly ManifestTree[];
}

/** An index may name indexes; nobody nests them deeper. */
const MAX_DEPTH = 3;

/** What a document links to. Read more leniently than to run it: artifacts and attestations are copied as well. */
interface Links {
  readonly blobs: readonly Descriptor[];
  readonly manifests: readonly Descriptor[];
}

/** Fetches a document's parts, down to the last manifest; blobs are only named. */
export async function manifestTree(
  source: ImageSource,
  fetched: FetchedManifest,
  context: { readonly limits: ImageLimits; readonly signal: AbortSignal },
  depth = 0,
): Promise<ManifestTree> {
  if (depth > MAX_DEPTH) {
    throw manifestErrors.malformed({ from: source.name, reason: `indexes are nested deeper than ${MAX_DEPTH}` });
  }
  const { mediaType, links } = linksOf(fetched, source.name, context.limits);
  const parts: ManifestTree[] = [];
  for (const descriptor of links.manifests) {
    context.signal.throwIfAborted();
    const part = await source.manifest(descriptor, context.signal);
    parts.push(await manifestTree(source, part, context, depth + 1));
  }
  const { bytes } = fetched;
  return { content: { mediaType, digest: sha256Of(bytes), bytes }, blobs: links.blobs, parts };
}

function linksOf(
  { bytes, mediaType: sentAs }: FetchedManifest,
  from: string,
  limits: ImageLimits,
): { readonly mediaType: string; readonly links: Links } {
  const refuse: Refuse = (reason) => {
    throw manifestErrors.malformed({ from, reason });
  };
  const document = parseJsonObject(bytes, refuse);
  const mediaType = optionalString(document, 'mediaType', refuse) ?? sentAs ?? '';
  const shape = manifestShape(mediaType);
  if (shape === undefined) throw manifestErrors.unknownType({ from, mediaType });
  if (shape === 'index') {
    const manifests = descriptors(document, 'manifests', refuse);
    const limit = limits.maxIndexEntries;
    if (manifests.length > limit) {
      throw manifestErrors.tooMany({ from, what: 'manifests in its index', count: manifests.length, limit });
    }
    const isManifest = (entry: Descriptor): boolean => manifestShape(entry.mediaType) !== undefined;
    return {
      mediaType,
      links: { manifests: manifests.filter(isManifest), blobs: manifests.filter((entry) => !isManifest(entry)) },
    };
  }
  const layers = descriptors(document, 'layers', refuse);
  if (layers.length > limits.maxLayers) {
    throw manifestErrors.tooMany({ from, what: 'layers', count: layers.length, limit: limits.maxLayers });
  }
  return { mediaType, links: { manifests: [], blobs: [descriptor(document.config, 'config', refuse), ...layers] } };
}

/** Those whose content lies elsewhere by their own word (`urls`) are left out: nobody who keeps images has it. */
function descriptors(document: JsonObject, field: string, refuse: Refuse): readonly Descriptor[] {
  return asArray(document[field], field, refuse)
    .map((value, index) => [asObject(value, `${field}[${index}]`, refuse), `${field}[${index}]`] as const)
    .filter(([{ urls }]) => !Array.isArray(urls) || urls.length === 0)
    .map(([value, what]) => descriptor(value, what, refuse));
}

function descriptor(value: unknown, what: string, refuse: Refuse): Descriptor {
  const object = asObject(value, what, refuse);
  const digest = asString(object.digest, `${what}.digest`, refuse);
  const { size } = object;
  if (!isDigest(digest)) return refuse(`${what}.digest ${JSON.stringify(digest)} is not sha256: and 64 hex digits`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    return refuse(`${what}.size is ${JSON.stringify(size)}`);
  }
  return {
    mediaType: asString(object.mediaType, `${what}.mediaType`, refuse),
    digest: digest as Digest,
    sizeBytes: size,
  };
}
