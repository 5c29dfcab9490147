import type { Clock } from '../base/effects.ts';
import type { Digest } from '../model/digest.ts';
import { formatPlatform, type Platform } from '../model/platform.ts';
import type { ImageIndex } from './image-index.ts';
import type { PullProgress } from './images.ts';
import type { ConnectLayerWorker, LayerStore, StagedLayer } from './layer-store.ts';
import type { ImageLimits } from './limits.ts';
import { inParallel } from './parallel.ts';
import type { ResolvedImage } from './resolve.ts';
import { type StackedLayer, settleLayers } from './settle-layers.ts';
import type { ImageSource } from './source.ts';
import type { ImageRecord } from './store/image-record.ts';
import type { LayerBytes } from './store/layer-bytes.ts';
import { manifestTypeOf } from './store/manifest-type.ts';
import { ociCopyOf } from './store/store-documents.ts';
import { checkContent, unpackLayer } from './unpack-layer.ts';

/** What a pull tells once it knows what there is. Pure. */
export function resolvedNotice(
  reference: string,
  { layers, isOther, config }: Pick<ResolvedImage, 'layers' | 'isOther' | 'config'>,
  wanted: Platform,
): Extract<PullProgress, { readonly kind: 'resolved' }> {
  const other = { image: formatPlatform(config.document.platform), wanted: formatPlatform(wanted) };
  return {
    kind: 'resolved',
    reference,
    layers: layers.map(({ descriptor }) => descriptor),
    ...(isOther && { otherPlatform: other }),
  };
}

export interface FetchContext {
  readonly source: ImageSource;
  readonly layers: LayerStore;
  readonly bytes: LayerBytes;
  readonly connect: ConnectLayerWorker;
  readonly limits: ImageLimits;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly report: (event: PullProgress, keep: boolean) => void;
  /** The layers of images that are here. */
  readonly known: Pick<ImageIndex, 'layerBytes' | 'unpacksTo'>;
  readonly comesBy?: ImageRecord['comesBy'];
}

type ResolvedLayer = ResolvedImage['layers'][number];

const REPORT_INTERVAL_MS = 200;

/** What a layer still needs. */
interface Need {
  readonly layer: ResolvedLayer;
  readonly tree: boolean;
}

/**
 * Fetches the layers that are not here yet and puts all of them in place at once. When it fails, no tree of them stays, and of
 * what has come of their bytes only what another try can go on with.
 *
 * @returns the image's record; nothing names it yet
 */
export async function fetchLayers(image: ResolvedImage, context: FetchContext): Promise<ImageRecord> {
  const bytes = new Map<Digest, number>();
  const needs: Need[] = [];
  for (const layer of image.layers) {
    const { chainId, descriptor } = layer;
    const known = context.known.layerBytes(chainId);
    const hasTree = known !== undefined && (await context.layers.has(chainId));
    if (hasTree) bytes.set(chainId, known);
    // A manifest may name any blob for a layer whose tree is here: what is not known to unpack to it is read.
    const isSeen = hasTree && context.known.unpacksTo(descriptor.digest, chainId);
    if (isSeen && (await context.bytes.isKept(descriptor.digest))) reportState(context, layer, 'exists');
    else needs.push({ layer, tree: !hasTree });
  }
  const staged: StagedLayer[] = [];
  try {
    await inParallel(needs, { limit: context.limits.parallelLayers, signal: context.signal }, async (need, signal) => {
      const { layer } = need;
      const unpackedBytes = await fetchOne(need, staged, { ...context, signal });
      if (unpackedBytes !== undefined) bytes.set(layer.chainId, unpackedBytes);
      reportState(context, layer, need.tree ? 'unpacked' : 'exists');
    });
    await settleLayers(stackOf(image, staged, context.layers), context.connect, context.signal);
  } catch (error) {
    await context.layers.discard(staged.splice(0));
    throw error;
  }
  if (needs.length > 0) {
    await context.layers.sync([context.bytes.directory]);
    await context.layers.publish(staged);
    await context.bytes.takeIn(needs.map(({ layer }) => layer.descriptor.digest));
  }
  return recordOf(image, bytes, context);
}

function stackOf({ layers }: ResolvedImage, staged: readonly StagedLayer[], store: LayerStore): StackedLayer[] {
  const fresh = new Map(staged.map(({ chainId, directory }) => [chainId, directory]));
  return layers.map(({ chainId }) => ({
    directory: fresh.get(chainId) ?? store.directoryOf(chainId),
    fresh: fresh.has(chainId),
  }));
}

/** @returns unpacked bytes; `undefined` where the layer's tree was here, and its blob was missing or never seen */
async function fetchOne(
  { layer, tree }: Need,
  staged: StagedLayer[],
  context: FetchContext,
): Promise<number | undefined> {
  const { clock, report, source, signal } = context;
  let reportedAt = Number.NEGATIVE_INFINITY;
  const onBytes = (doneBytes: number): void => {
    const now = clock.monotonicMs();
    if (now - reportedAt < REPORT_INTERVAL_MS) return;
    reportedAt = now;
    report({ kind: 'layer', digest: layer.descriptor.digest, state: 'fetching', doneBytes }, false);
  };
  return await context.bytes.use(layer.descriptor, { source, signal }, async (through) => {
    if (!tree) {
      await checkContent(layer, { ...context, source: through, onBytes });
      return undefined;
    }
    const stage = await context.layers.stage(layer.chainId);
    try {
      const bytes = await unpackLayer(layer, stage.directory, { ...context, source: through, onBytes });
      staged.push(stage);
      return bytes;
    } catch (error) {
      await context.layers.discard([stage]);
      throw error;
    }
  });
}

function reportState(context: FetchContext, { descriptor }: ResolvedLayer, state: 'exists' | 'unpacked'): void {
  const { digest, sizeBytes: doneBytes } = descriptor;
  context.report({ kind: 'layer', digest, state, doneBytes }, true);
}

function recordOf(
  image: ResolvedImage,
  bytes: ReadonlyMap<Digest, number>,
  { clock, comesBy }: Pick<FetchContext, 'clock' | 'comesBy'>,
): ImageRecord {
  const { document, digest } = image.config;
  const layerBytes = image.layers.map(({ chainId }) => bytes.get(chainId) ?? 0);
  const shown = ociCopyOf(image.manifest.bytes);
  return {
    id: digest,
    manifestDigest: image.manifest.digest,
    config: document.runtime,
    chainIds: image.layers.map(({ chainId }) => chainId),
    layerBytes,
    sizeBytes: layerBytes.reduce((sum, size) => sum + size, 0),
    createdAt: document.createdAt,
    architecture: document.platform.architecture,
    os: document.platform.os,
    manifest: { mediaType: manifestTypeOf(image.manifest.bytes), sizeBytes: image.manifest.bytes.length },
    ...(shown && { ociManifest: { digest: shown.digest, sizeBytes: shown.bytes.length } }),
    layers: image.layers.map(({ descriptor }) => descriptor),
    storedAtMs: clock.nowMs(),
    ...(comesBy === undefined ? {} : { comesBy }),
  };
}
