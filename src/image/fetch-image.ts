import type { Clock } from '../base/effects.ts';
import type { Digest } from '../model/digest.ts';
import type { ImageRecord } from './image-index.ts';
import type { PullProgress } from './images.ts';
import type { ConnectLayerWorker, LayerStore, StagedLayer } from './layer-store.ts';
import type { ImageLimits } from './limits.ts';
import { inParallel } from './parallel.ts';
import type { ResolvedImage } from './resolve.ts';
import type { ImageSource } from './source.ts';
import { unpackLayer } from './unpack-layer.ts';

export interface FetchContext {
  readonly source: ImageSource;
  readonly layers: LayerStore;
  readonly connect: ConnectLayerWorker;
  readonly limits: ImageLimits;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly report: (event: PullProgress, keep: boolean) => void;
  /** Unpacked bytes of a layer that an image here has already. */
  readonly knownBytes: (chainId: Digest) => number | undefined;
}

type ResolvedLayer = ResolvedImage['layers'][number];

const REPORT_INTERVAL_MS = 200;

/**
 * Fetches the layers that are not here yet and puts all of them in place at once. When it fails, none of them stays.
 *
 * @returns the image's record; nothing names it yet
 */
export async function fetchLayers(image: ResolvedImage, context: FetchContext): Promise<ImageRecord> {
  const bytes = new Map<Digest, number>();
  const missing: ResolvedLayer[] = [];
  for (const layer of image.layers) {
    const known = context.knownBytes(layer.chainId);
    if (known !== undefined && (await context.layers.has(layer.chainId))) {
      bytes.set(layer.chainId, known);
      reportState(context, layer, 'exists');
    } else {
      missing.push(layer);
    }
  }
  const staged: StagedLayer[] = [];
  try {
    await inParallel(
      missing,
      { limit: context.limits.parallelLayers, signal: context.signal },
      async (layer, signal) => {
        const stage = await context.layers.stage(layer.chainId);
        staged.push(stage);
        bytes.set(layer.chainId, await fetchOne(layer, stage, { ...context, signal }));
        reportState(context, layer, 'unpacked');
      },
    );
  } catch (error) {
    await context.layers.discard(staged);
    throw error;
  }
  await context.layers.publish(staged);
  return recordOf(image, bytes);
}

async function fetchOne(layer: ResolvedLayer, stage: StagedLayer, context: FetchContext): Promise<number> {
  const { clock, report } = context;
  let reportedAt = Number.NEGATIVE_INFINITY;
  const onBytes = (doneBytes: number): void => {
    const now = clock.monotonicMs();
    if (now - reportedAt < REPORT_INTERVAL_MS) return;
    reportedAt = now;
    report({ kind: 'layer', digest: layer.descriptor.digest, state: 'fetching', doneBytes }, false);
  };
  return await unpackLayer(layer, stage.directory, { ...context, onBytes });
}

function reportState(context: FetchContext, { descriptor }: ResolvedLayer, state: 'exists' | 'unpacked'): void {
  const { digest, sizeBytes: doneBytes } = descriptor;
  context.report({ kind: 'layer', digest, state, doneBytes }, true);
}

function recordOf(image: ResolvedImage, bytes: ReadonlyMap<Digest, number>): ImageRecord {
  const { document, digest } = image.config;
  const layerBytes = image.layers.map(({ chainId }) => bytes.get(chainId) ?? 0);
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
  };
}
