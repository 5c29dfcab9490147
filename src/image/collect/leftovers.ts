import type { Effects } from '../../base/effects.ts';
import type { Digest } from '../../model/digest.ts';
import type { BlobStore } from '../blob-store.ts';
import type { ImageIndex } from '../image-index.ts';
import type { ConnectLayerWorker, LayerStore } from '../layer-store.ts';
import type { Leases } from '../leases.ts';
import { removeUnnamed, unnamedIn } from './garbage.ts';

/** Layers (by chain id) and blobs (by digest) that no image has and nobody counts on: what a pull left that was killed at its end. */
export interface Leftovers {
  readonly digests: readonly Digest[];
  readonly sizeBytes: number;
}

interface LeftoverPorts {
  readonly effects: Effects;
  readonly root: string;
  readonly index: () => Promise<ImageIndex>;
  readonly leases: Leases;
  readonly layers: LayerStore;
  readonly blobs: BlobStore;
  readonly connect: ConnectLayerWorker;
}

/** @param how with `dryRun` they are only told, and stay */
export async function takeLeftovers(
  ports: LeftoverPorts,
  { dryRun }: { readonly dryRun: boolean },
): Promise<Leftovers> {
  const { effects, root, leases } = ports;
  // A list that is gone says nothing about what containers still use; only a list that is there does.
  if (!(await effects.files.exists(`${root}/images.json`))) return { digests: [], sizeBytes: 0 };
  const { leftovers, clear } = await leases.exclusive(async () => {
    const needed = { ...(await ports.index()).named(), held: new Set(leases.held()) };
    const found = await unnamedIn(ports, needed);
    const sizeBytes = (await bytesOfTrees(found.chainIds, ports)) + (await bytesOfBlobs(found.blobs, ports));
    const taken = dryRun ? async () => {} : await removeUnnamed(ports, found);
    return { leftovers: { digests: [...found.chainIds, ...found.blobs], sizeBytes }, clear: taken };
  });
  await clear();
  return leftovers;
}

async function bytesOfTrees(
  chainIds: readonly Digest[],
  { layers, connect }: Pick<LeftoverPorts, 'layers' | 'connect'>,
): Promise<number> {
  if (chainIds.length === 0) return 0;
  const worker = await connect();
  try {
    return (await worker.measure({ paths: chainIds.map((chainId) => layers.directoryOf(chainId)) })).bytes;
  } finally {
    worker.close();
  }
}

async function bytesOfBlobs(digests: readonly Digest[], { blobs }: Pick<LeftoverPorts, 'blobs'>): Promise<number> {
  let sum = 0;
  for (const digest of digests) sum += (await blobs.sizeOf(digest)) ?? 0;
  return sum;
}
