import type { Digest } from '../../model/digest.ts';
import { isErrorOfKind } from '../../model/error.ts';
import type { Image } from '../../model/image-config.ts';
import type { ImageFault, ImageVerification, VerifiedImage } from '../../model/image-upkeep.ts';
import type { BlobStore } from '../blob-store.ts';
import { parseConfigDocument } from '../config-document.ts';
import type { ImageIndex } from '../image-index.ts';
import { readVerified } from '../layer-stream.ts';
import type { Leases } from '../leases.ts';
import { type ResolvedImage, resolveImage } from '../resolve.ts';
import type { ImageSource } from '../source.ts';
import { blobsOf, type ImageRecord, manifestsOf } from '../store/image-record.ts';
import { imageStoreErrors } from '../store/store-errors.ts';
import { storeSource } from '../store/store-source.ts';
import { checkLayer, type Finding, type LayerCheckPorts, type LayerFindings } from './layer-check.ts';
import { remedyIn, shownName } from './remedy.ts';

export interface VerifyPorts extends LayerCheckPorts {
  readonly index: () => Promise<ImageIndex>;
  /** An image by what somebody wrote. */
  readonly find: (text: string) => Promise<Image | undefined>;
  readonly blobs: BlobStore;
  readonly leases: Leases;
}

/** Who looks, and for how long. */
export interface VerifyContext {
  readonly inUse: () => ReadonlySet<Digest>;
  readonly signal: AbortSignal;
}

type ResolvedLayer = ResolvedImage['layers'][number];
/** By chain id and blob: the same tree may be held against what several blobs unpack to. */
type Checked = Map<string, readonly ImageFault[]>;

/**
 * Looks whether images are as they came: hashes every blob, and compares every layer's tree with what its blob unpacks to.
 * Needs room for one layer more. A layer that images share is looked at once.
 *
 * With `repair` trees are put right from their blobs, and damaged blobs taken away, so that the next pull brings them.
 *
 * @throws {EngineError} not-found for an image that is not here; resource-exhausted when the disk is full
 */
export async function verifyImages(
  request: ImageVerification,
  context: VerifyContext,
  ports: VerifyPorts,
): Promise<readonly VerifiedImage[]> {
  const index = await ports.index();
  const named = await Promise.all(request.images.map((text) => recordsOf(index, text, ports)));
  const records = request.images.length === 0 ? index.records() : named.flat();
  const checked: Checked = new Map();
  const verified: VerifiedImage[] = [];
  for (const record of new Set(records)) {
    context.signal.throwIfAborted();
    verified.push(await verifyOne(record, checked, { request, context, ports, index }));
  }
  return verified;
}

/** An image with all the manifests that it came with. */
async function recordsOf(index: ImageIndex, text: string, { find }: VerifyPorts): Promise<readonly ImageRecord[]> {
  const found = await find(text);
  if (found === undefined) throw imageStoreErrors.unknown({ text });
  return index.records().filter(({ id }) => id === found.id);
}

interface Verifying {
  readonly request: ImageVerification;
  readonly context: VerifyContext;
  readonly ports: VerifyPorts;
  readonly index: ImageIndex;
}

async function verifyOne(record: ImageRecord, checked: Checked, how: Verifying): Promise<VerifiedImage> {
  const { ports, index } = how;
  const references = index.namesOf(record.manifestDigest);
  const name = shownName(references) ?? record.id;
  const { id, manifestDigest, chainIds } = record;
  const lease = ports.leases.open();
  try {
    await lease.hold([...blobsOf(record), ...chainIds]);
    const source = storeSource(ports.blobs, { name, manifestDigest });
    const faults = await documentFaults(record, source, how);
    if (faults.length > 0) return { id, references, faults, uncheckedLayers: chainIds.length };
    const resolved = await resolvedFrom(record, source, how);
    let uncheckedLayers = 0;
    for (const [at, layer] of resolved.layers.entries()) {
      // What an older version unpacked has no blob to hold it against: that is no fault of it.
      if (record.layers === undefined && (await ports.blobs.sizeOf(layer.descriptor.digest)) === undefined) {
        uncheckedLayers++;
        if (await ports.layers.has(layer.chainId)) continue;
      }
      const below = resolved.layers.slice(0, at).map(({ chainId }) => chainId);
      const isSound = !faults.some(isUnsound);
      const context = { ...how, source, name, record, below, isSound, isUsed: () => isUsed(layer, how) };
      faults.push(...(await layerFaults(layer, checked, context)));
    }
    return { id, references, faults, uncheckedLayers };
  } finally {
    lease.release();
  }
}

/** A tree that is not as it came, or of which nobody can say. */
function isUnsound({ part, isRepaired, uncheckedTree }: ImageFault): boolean {
  return (part === 'tree' && !isRepaired) || uncheckedTree !== undefined;
}

async function documentFaults(record: ImageRecord, source: ImageSource, how: Verifying): Promise<ImageFault[]> {
  const faults: ImageFault[] = [];
  const { signal } = how.context;
  for (const [part, digest] of [
    ...manifestsOf(record).map((digest) => ['manifest', digest] as const),
    ['config', record.id],
  ] as const) {
    const sizeBytes = (await how.ports.blobs.sizeOf(digest)) ?? 0;
    const descriptor = { mediaType: '', digest, sizeBytes };
    const bound = { what: `the ${part}`, limitBytes: how.ports.limits.maxConfigBytes };
    try {
      await readVerified(source.blob(descriptor, signal), descriptor, bound);
    } catch (error) {
      if (!isErrorOfKind(error, 'data-loss', 'not-found', 'resource-exhausted')) throw error;
      const state = error.kind === 'not-found' ? 'missing' : 'damaged';
      faults.push(await blobFault(part, digest, { finding: { state, found: error.message }, record }, how));
    }
  }
  return faults;
}

async function resolvedFrom(record: ImageRecord, source: ImageSource, how: Verifying): Promise<ResolvedImage> {
  const { limits } = how.ports;
  const { signal } = how.context;
  const sizeBytes = (await how.ports.blobs.sizeOf(record.id)) ?? 0;
  const descriptor = { mediaType: '', digest: record.id, sizeBytes };
  const bound = { what: 'the config', limitBytes: limits.maxConfigBytes };
  const config = await readVerified(source.blob(descriptor, signal), descriptor, bound);
  const { platform } = parseConfigDocument(config, source.name);
  return await resolveImage(source, { platform, limits, signal });
}

interface LayerContext extends Verifying {
  readonly source: ImageSource;
  readonly name: string;
  readonly record: ImageRecord;
  /** Layers below, bottom first, and whether all their trees are as they came. */
  readonly below: readonly Digest[];
  readonly isSound: boolean;
  readonly isUsed: () => boolean;
}

async function layerFaults(layer: ResolvedLayer, checked: Checked, how: LayerContext): Promise<readonly ImageFault[]> {
  const key = `${layer.chainId} ${layer.descriptor.digest}`;
  const before = checked.get(key);
  if (before !== undefined) return before;
  const { ports, source, context, below } = how;
  const isKept = (await ports.blobs.sizeOf(layer.descriptor.digest)) !== undefined;
  const findings = await checkLayer(layer, { source, isKept, below, signal: context.signal }, ports);
  const faults: ImageFault[] = [];
  if (findings.blob !== undefined) {
    const fault = await blobFault(
      ...(['layer', layer.descriptor.digest] as const),
      { finding: findings.blob, record: how.record },
      how,
    );
    faults.push(findings.isTreeUnchecked ? { ...fault, uncheckedTree: layer.chainId } : fault);
  }
  const treeFault = await settleTree(layer, findings, how);
  if (treeFault !== undefined) faults.push(treeFault);
  checked.set(key, faults);
  return faults;
}

/** A blob cannot be mended from what is here: damaged, it is taken away, so that a pull does not take it for the right one. */
async function blobFault(
  part: 'manifest' | 'config' | 'layer',
  digest: Digest,
  { finding, record }: { readonly finding: Finding; readonly record: ImageRecord },
  how: Verifying,
): Promise<ImageFault> {
  const { request, ports } = how;
  const mustGo = finding.state === 'damaged';
  if (mustGo && request.repair) await ports.blobs.remove(digest);
  const remedy = remedyIn(how.index, { record, digest, mustGo: mustGo && !request.repair });
  return { part, digest, ...finding, isRepaired: false, remedy };
}

async function settleTree(
  { chainId, descriptor }: ResolvedLayer,
  { tree, fresh, blob }: LayerFindings,
  how: LayerContext,
): Promise<ImageFault | undefined> {
  const { ports, request, name, record, isSound, isUsed } = how;
  const discard = (): Promise<void> => (fresh === undefined ? Promise.resolve() : ports.layers.discard([fresh]));
  if (tree === undefined) {
    await discard();
    return undefined;
  }
  const fault = { part: 'tree' as const, digest: chainId, ...tree };
  if (fresh === undefined || !request.repair) {
    await discard();
    const mended = `isopod image verify --repair ${name}`;
    const remedy =
      blob === undefined ? mended : remedyIn(how.index, { record, digest: descriptor.digest, mustGo: false });
    return { ...fault, isRepaired: false, remedy };
  }
  // A tree has from those below it what its archive does not say: what is wrong there would go into this one.
  if (tree.state === 'changed' && !isSound) {
    await discard();
    return { ...fault, isRepaired: false, remedy: 'put the layers below it right first' };
  }
  const clear = await ports.leases.exclusive(async () => {
    // Containers that run have the old tree mounted; what they have open must not go.
    if (tree.state !== 'missing' && isUsed()) return undefined;
    await ports.layers.sync([]);
    const remove = tree.state === 'missing' ? async () => {} : await ports.layers.unname([chainId]);
    await ports.layers.publish([fresh]);
    return remove;
  });
  if (clear !== undefined) {
    await clear();
    return { ...fault, isRepaired: true };
  }
  await discard();
  return {
    ...fault,
    isRepaired: false,
    remedy: 'remove the containers that use it (isopod ps -a), and repair it then',
  };
}

/** Whether a container uses an image that has this layer. */
function isUsed({ chainId }: ResolvedLayer, { context, index }: Verifying): boolean {
  const used = context.inUse();
  return index.records().some(({ id, chainIds }) => used.has(id) && chainIds.includes(chainId));
}
