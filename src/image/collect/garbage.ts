import type { Digest } from '../../model/digest.ts';
import type { BlobStore } from '../blob-store.ts';
import type { LayerStore } from '../layer-store.ts';
import type { Lease, Leases } from '../leases.ts';
import type { PartialBlobs } from '../store/partial-blobs.ts';

/** What has come in part and has not grown for so long will hardly be gone on with. */
export const PARTIAL_AGE_MS = 7 * 24 * 3_600_000;

/**
 * Takes away layers and blobs that nothing names, and what has come in part long ago. The caller keeps others from deciding or naming
 * meanwhile.
 *
 * @returns what removes the trees, which may take long and needs nobody kept away
 */
export async function collectGarbage(
  stores: { readonly layers: LayerStore; readonly blobs: BlobStore; readonly partials: PartialBlobs },
  needed: {
    readonly chainIds: ReadonlySet<Digest>;
    readonly blobs: ReadonlySet<Digest>;
    readonly held: ReadonlySet<Digest>;
    readonly nowMs: number;
  },
): Promise<() => Promise<void>> {
  const { partials } = stores;
  const { held, nowMs } = needed;
  const clear = await removeUnnamed(stores, await unnamedIn(stores, needed));
  for (const { digest, mtimeMs } of await partials.all()) {
    if (!held.has(digest) && nowMs - mtimeMs > PARTIAL_AGE_MS) await partials.discard(digest);
  }
  return clear;
}

/** Layers by chain id, blobs by digest. */
interface Content {
  readonly chainIds: readonly Digest[];
  readonly blobs: readonly Digest[];
}

/** What is here that nothing names. The caller keeps others from naming meanwhile. */
export async function unnamedIn(
  { layers, blobs }: { readonly layers: LayerStore; readonly blobs: BlobStore },
  needed: {
    readonly chainIds: ReadonlySet<Digest>;
    readonly blobs: ReadonlySet<Digest>;
    readonly held: ReadonlySet<Digest>;
  },
): Promise<Content> {
  const unnamed = (digests: readonly Digest[], named: ReadonlySet<Digest>): readonly Digest[] =>
    digests.filter((digest) => !named.has(digest) && !needed.held.has(digest));
  return {
    chainIds: unnamed(await layers.chainIds(), needed.chainIds),
    blobs: unnamed(await blobs.digests(), needed.blobs),
  };
}

/** Takes it away. @returns what removes the trees, as {@link collectGarbage} */
export async function removeUnnamed(
  { layers, blobs }: { readonly layers: LayerStore; readonly blobs: BlobStore },
  unnamed: Content,
): Promise<() => Promise<void>> {
  const clear = await layers.unname(unnamed.chainIds);
  for (const digest of unnamed.blobs) await blobs.remove(digest);
  return clear;
}

/**
 * Gives a lease back and takes away the blobs that it held, but for those that an image names or another lease holds.
 *
 * @param named what images name, asked when nobody changes that any more
 */
export async function discardHeld(
  lease: Lease,
  stores: { readonly leases: Leases; readonly blobs: BlobStore },
  named: () => Promise<ReadonlySet<Digest>>,
): Promise<void> {
  await stores.leases.exclusive(async () => {
    const digests = lease.digests();
    lease.release();
    const needed = new Set([...(await named()), ...stores.leases.held()]);
    for (const digest of digests) if (!needed.has(digest)) await stores.blobs.remove(digest);
  });
}
