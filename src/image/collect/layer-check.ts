import { ERRNO } from '../../linux/errno.ts';
import { stepErrno } from '../../linux/helper-worker.ts';
import type { Digest } from '../../model/digest.ts';
import { EngineError, isErrorOfKind } from '../../model/error.ts';
import { step } from '../../model/wire.ts';
import type { ConnectLayerWorker, LayerStore, StagedLayer } from '../layer-store.ts';
import type { ImageLimits } from '../limits.ts';
import type { ResolvedImage } from '../resolve.ts';
import { settleLayers } from '../settle-layers.ts';
import type { ImageSource } from '../source.ts';
import { unpackLayer } from '../unpack-layer.ts';
import { differenceText } from './tree-difference.ts';

/** What is found of one layer: of its blob, of its tree, and a tree as it should be, if that could be made. */
export interface LayerFindings {
  readonly blob: Finding | undefined;
  readonly tree: Finding | undefined;
  /** Its tree is here, and there is nothing to hold it against. */
  readonly isTreeUnchecked: boolean;
  readonly fresh: StagedLayer | undefined;
}

export interface Finding {
  readonly state: 'missing' | 'damaged' | 'changed';
  readonly found: string;
}

export interface LayerCheckPorts {
  readonly layers: LayerStore;
  readonly connect: ConnectLayerWorker;
  readonly limits: ImageLimits;
}

type ResolvedLayer = ResolvedImage['layers'][number];

const BY = 'image verify';

/**
 * Unpacks a layer's blob once more, which verifies it, and compares the tree that is in use with what comes of it above the
 * trees that are in use. The caller discards the fresh tree, or puts it in place.
 */
export async function checkLayer(
  layer: ResolvedLayer,
  from: {
    readonly source: ImageSource;
    readonly isKept: boolean;
    /** Bottom first. */
    readonly below: readonly Digest[];
    readonly signal: AbortSignal;
  },
  ports: LayerCheckPorts,
): Promise<LayerFindings> {
  const hasTree = await ports.layers.has(layer.chainId);
  const missing: Finding | undefined = hasTree ? undefined : { state: 'missing', found: 'its tree is not there' };
  const without = (blob: Finding): LayerFindings => ({
    ...{ blob, tree: missing, isTreeUnchecked: hasTree, fresh: undefined },
  });
  if (!from.isKept) return without({ state: 'missing', found: 'it is not kept' });
  const fresh = await ports.layers.stage(layer.chainId);
  try {
    const { source, signal } = from;
    await unpackLayer(layer, fresh.directory, { ...ports, source, signal, onBytes: () => {} });
  } catch (error) {
    await ports.layers.discard([fresh]);
    if (!isDamage(error)) throw error;
    return without({ state: 'damaged', found: error.message });
  }
  try {
    await settle(fresh, from, ports);
    const tree = missing ?? (await compare(layer.chainId, fresh, ports));
    return { blob: undefined, tree, isTreeUnchecked: false, fresh };
  } catch (error) {
    await ports.layers.discard([fresh]);
    throw error;
  }
}

/** A tree below that is missing is a finding of its own. */
async function settle(
  { directory }: StagedLayer,
  { below, signal }: { readonly below: readonly Digest[]; readonly signal: AbortSignal },
  { layers, connect }: LayerCheckPorts,
): Promise<void> {
  const stack = [];
  for (const chainId of below) {
    if (await layers.has(chainId)) stack.push({ directory: layers.directoryOf(chainId), fresh: false });
  }
  await settleLayers([...stack, { directory, fresh: true }], connect, signal);
}

async function compare(
  chainId: Digest,
  fresh: StagedLayer,
  { layers, connect }: LayerCheckPorts,
): Promise<Finding | undefined> {
  const worker = await connect();
  try {
    const tree = layers.directoryOf(chainId);
    await worker.run([step(BY, 'compare-trees', { tree, model: fresh.directory })]);
    return undefined;
  } catch (error) {
    if (stepErrno(error) !== ERRNO.ENOMSG || !(error instanceof EngineError)) throw error;
    return { state: 'changed', found: differenceText(String(error.details.detail)) };
  } finally {
    worker.close();
  }
}

/** Wrong content, as against a disk that is full or a helper that is gone. */
function isDamage(error: unknown): error is EngineError {
  return (
    isErrorOfKind(error, 'data-loss') || (error instanceof EngineError && error.code === 'image-store.blobMissing')
  );
}
