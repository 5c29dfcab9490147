import type { Digest } from '../model/digest.ts';
import { defineErrors } from '../model/error.ts';
import { formatPlatform, type Platform, platformDistance } from '../model/platform.ts';
import {
  type ConfigDocument,
  chainIdsOf,
  imageConfigErrors,
  parseConfigDocument,
  sha256Of,
} from './config-document.ts';
import { readVerified } from './layer-stream.ts';
import type { ImageLimits } from './limits.ts';
import { type IndexEntry, type ManifestDocument, manifestErrors, parseManifest } from './manifest.ts';
import { layerCompression, manifestShape } from './media-types.ts';
import { fromOtherSenders } from './other-senders.ts';
import type { FetchedManifest, ImageSource } from './source.ts';
import type { LayerJob } from './unpack-layer.ts';

export const resolveErrors = defineErrors('image', {
  noPlatform: {
    kind: 'invalid-argument',
    message: (d: { from: string; wanted: string; offered: readonly string[] }) =>
      `${d.from} has no image for ${d.wanted}; it has ${d.offered.length === 0 ? 'none' : d.offered.join(', ')}`,
    remedy: () => 'choose one with --platform, if this machine can run it',
  },
  unknownLayerType: {
    kind: 'unimplemented',
    message: (d: { from: string; digest: string; mediaType: string }) =>
      `layer ${d.digest} of ${d.from} has type ${d.mediaType}, which is no layer that can be unpacked`,
    remedy: () => 'push the image with layers of gzip or zstd',
  },
});

/** An image as its manifest and config tell it, before any layer is fetched. */
export interface ResolvedImage {
  readonly manifest: { readonly digest: Digest; readonly bytes: Uint8Array };
  /** The documents that led to it: the root that the reference points at first, the manifest last. */
  readonly documents: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[];
  readonly config: { readonly digest: Digest; readonly bytes: Uint8Array; readonly document: ConfigDocument };
  /** Bottom first. */
  readonly layers: readonly (LayerJob & { readonly chainId: Digest })[];
  /** It is for another platform than the wanted one. */
  readonly isOther: boolean;
}

/** An index may name indexes; nobody nests them deeper. */
const MAX_INDEX_DEPTH = 3;

/**
 * Follows a reference to the manifest and config for one platform, everything verified by digest.
 *
 * @throws {EngineError} `image.noPlatform`, `image.unknownLayerType`, `manifest.*`, `image-config.malformed`, or what
 *   the source throws
 */
export async function resolveImage(
  source: ImageSource,
  request: {
    readonly platform: Platform;
    /** Nobody asked for the platform: where the reference leads to one manifest alone, that is taken whatever it is for. */
    readonly takesOther?: boolean | undefined;
    readonly limits: ImageLimits;
    readonly signal: AbortSignal;
  },
): Promise<ResolvedImage> {
  const { documents, document } = await findManifest(source, request);
  const from = source.name;
  const bound = { what: `the config of ${from}`, limitBytes: request.limits.maxConfigBytes };
  const bytes = await fromOtherSenders(source, document.config, () =>
    readVerified(source.blob(document.config, request.signal), document.config, bound),
  );
  const config = parseConfigDocument(bytes, from);
  const isOther = platformDistance(request.platform, config.platform) === undefined;
  if (isOther && !(request.takesOther === true && documents.length === 1)) {
    const offered = [formatPlatform(config.platform)];
    throw resolveErrors.noPlatform({ from, wanted: formatPlatform(request.platform), offered });
  }
  const passed = documents.map(({ bytes: content }) => ({ digest: sha256Of(content), bytes: content }));
  return {
    manifest: passed.at(-1) as ResolvedImage['manifest'],
    documents: passed,
    config: { digest: document.config.digest, bytes, document: config },
    layers: pairLayers(document, config, from),
    isOther,
  };
}

type ImageManifest = Extract<ManifestDocument, { readonly shape: 'manifest' }>;

/** Follows a reference to the manifest for one platform. @throws {EngineError} `image.noPlatform`, `manifest.*` */
export async function findManifest(
  source: Pick<ImageSource, 'name' | 'root' | 'manifest'>,
  request: { readonly platform: Platform; readonly limits: ImageLimits; readonly signal: AbortSignal },
): Promise<{
  /** From the root to the manifest, which is last. */
  readonly documents: readonly FetchedManifest[];
  readonly manifest: FetchedManifest;
  readonly document: ImageManifest;
}> {
  let manifest = await source.root(request.signal);
  const documents = [manifest];
  for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth++) {
    const document = parseManifest(manifest.bytes, {
      from: source.name,
      mediaType: manifest.mediaType,
      limits: request.limits,
    });
    if (document.shape === 'manifest') return { documents, manifest, document };
    const entry = chooseEntry(document.entries, request.platform, source.name);
    manifest = await source.manifest(entry, request.signal);
    documents.push(manifest);
  }
  throw manifestErrors.malformed({ from: source.name, reason: `indexes are nested deeper than ${MAX_INDEX_DEPTH}` });
}

/** The entry that suits the platform best; of equals the first, as the spec says. An only entry needs no platform. */
function chooseEntry(entries: readonly IndexEntry[], wanted: Platform, from: string): IndexEntry {
  const usable = entries.filter(({ mediaType }) => manifestShape(mediaType) !== undefined);
  let best: { readonly entry: IndexEntry; readonly distance: number } | undefined;
  for (const entry of usable) {
    const distance = entry.platform === undefined ? undefined : platformDistance(wanted, entry.platform);
    if (distance !== undefined && (best === undefined || distance < best.distance)) best = { entry, distance };
  }
  if (best !== undefined) return best.entry;
  const unlabelled = usable.filter(({ platform }) => platform === undefined);
  if (unlabelled.length === 1 && unlabelled[0] !== undefined) return unlabelled[0];
  const offered = usable.flatMap(({ platform }) => (platform === undefined ? [] : [formatPlatform(platform)]));
  throw resolveErrors.noPlatform({ from, wanted: formatPlatform(wanted), offered: [...new Set(offered)] });
}

function pairLayers(manifest: ImageManifest, config: ConfigDocument, from: string): ResolvedImage['layers'] {
  const { layers } = manifest;
  const { diffIds } = config;
  if (layers.length !== diffIds.length) {
    const reason = `it names ${diffIds.length} layers, the manifest ${layers.length}`;
    throw imageConfigErrors.malformed({ from, reason });
  }
  const chainIds = chainIdsOf(diffIds);
  return layers.map((descriptor, index) => {
    const { digest, mediaType } = descriptor;
    const compression = layerCompression(mediaType);
    if (compression === undefined) throw resolveErrors.unknownLayerType({ from, digest, mediaType });
    return { descriptor, compression, diffId: diffIds[index] as Digest, chainId: chainIds[index] as Digest };
  });
}
