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
  const { layers, blobs, partials } = stores;
  const { held, nowMs } = needed;
  const unnamed = (digests: readonly Digest[], named: ReadonlySet<Digest>): readonly Digest[] =>
    digests.filter((digest) => !named.has(digest) && !held.has(digest));
  const clear = await layers.unname(unnamed(await layers.chainIds(), needed.chainIds));
  for (const digest of unnamed(await blobs.digests(), needed.blobs)) await blobs.remove(digest);
  for (const { digest, mtimeMs } of await partials.all()) {
    if (!held.has(digest) && nowMs - mtimeMs > PARTIAL_AGE_MS) await partials.discard(digest);
  }
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
