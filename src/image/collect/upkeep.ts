import type { Effects } from '../../base/effects.ts';
import type { Digest } from '../../model/digest.ts';
import { isErrorOfKind } from '../../model/error.ts';
import type {
  ImageCollectionPolicy,
  ImageDiskUse,
  ImagePrunePolicy,
  ImageVerification,
  PrunedImages,
  VerifiedImage,
} from '../../model/image-upkeep.ts';
import type { PartialBlobs } from '../store/partial-blobs.ts';
import { asStoreError } from '../store/store-errors.ts';
import { imageDiskUse } from './disk-use.ts';
import { ImageUses } from './image-uses.ts';
import { collectionPasses, doomedImages, type PrunableImage } from './prune-policy.ts';
import { type VerifyContext, type VerifyPorts, verifyImages } from './verify.ts';

/** How whoever prunes takes images away: by the way that tells of it, and that looks again whether a container uses one. */
export interface Removal {
  /** Images that containers use now. */
  readonly inUse: () => ReadonlySet<Digest>;
  /** Rejects with failed-precondition for an image in use, and with not-found for one that is gone. */
  readonly remove: (
    id: Digest,
  ) => Promise<{ readonly untagged: readonly string[]; readonly deleted: readonly string[] }>;
}

/** Looks after the images of a store: what they take, and which of them go. */
export interface ImageUpkeep {
  /** A container uses an image now. Returns at once. */
  noteUse(id: Digest): void;
  diskUse(inUse: ReadonlySet<Digest>): Promise<ImageDiskUse>;
  /** @throws {EngineError} `image-reference.malformed` (invalid-argument) before anything is taken away */
  prune(policy: ImagePrunePolicy, removal: Removal): Promise<PrunedImages>;
  /** Whether images are as they came. @throws {EngineError} as {@link verifyImages} */
  verify(request: ImageVerification, context: VerifyContext): Promise<readonly VerifiedImage[]>;
  /** One pass of a collection. */
  collect(policy: ImageCollectionPolicy, removal: Removal): Promise<PrunedImages>;
}

interface UpkeepPorts extends VerifyPorts {
  readonly effects: Effects;
  readonly root: string;
  readonly partials: PartialBlobs;
}

const NOTHING: PrunedImages = { untagged: [], deleted: [], reclaimedBytes: 0 };

export class StoreUpkeep implements ImageUpkeep {
  readonly #ports: UpkeepPorts;
  readonly #uses: ImageUses;

  constructor(ports: UpkeepPorts) {
    this.#ports = ports;
    this.#uses = new ImageUses(ports.effects, ports.root);
  }

  noteUse(id: Digest): void {
    this.#uses.note(id);
  }

  async diskUse(inUse: ReadonlySet<Digest>): Promise<ImageDiskUse> {
    const index = await this.#ports.index();
    const partials = await this.#ports.partials.all();
    return imageDiskUse(index.images(), {
      blobSizes: await this.#blobSizes(),
      partialBytes: partials.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      inUse,
      lastUsed: await this.#uses.lastUsed(),
    });
  }

  async prune(policy: ImagePrunePolicy, removal: Removal): Promise<PrunedImages> {
    const inUse = removal.inUse();
    await this.#uses.noteAll(inUse);
    const doomed = doomedImages(await this.#candidates(), policy, { inUse, nowMs: this.#nowMs() });
    if (policy.dryRun) return await this.#foretell(doomed);
    const before = await this.#totalBytes();
    if (!isSelective(policy)) await this.#discardPartials(policy.unusedForMs ?? 0);
    const untagged: string[] = [];
    const deleted: string[] = [];
    for (const { id } of doomed) {
      if (policy.lowWaterPercent !== undefined && (await this.#usedPercent()) <= policy.lowWaterPercent) break;
      const removed = await removeUnlessUsed(id, removal);
      untagged.push(...removed.untagged);
      deleted.push(...removed.deleted);
    }
    await this.#uses.keepOnly(new Set((await this.#ports.index()).records().map(({ id }) => id)));
    return { untagged, deleted, reclaimedBytes: Math.max(0, before - (await this.#totalBytes())) };
  }

  async collect(policy: ImageCollectionPolicy, removal: Removal): Promise<PrunedImages> {
    let total = NOTHING;
    for (const pass of collectionPasses(policy, await this.#usedPercent())) {
      const pruned = await this.prune(pass, removal);
      total = {
        untagged: [...total.untagged, ...pruned.untagged],
        deleted: [...total.deleted, ...pruned.deleted],
        reclaimedBytes: total.reclaimedBytes + pruned.reclaimedBytes,
      };
    }
    return total;
  }

  async verify(request: ImageVerification, context: VerifyContext): Promise<readonly VerifiedImage[]> {
    try {
      return await verifyImages(request, context, this.#ports);
    } catch (error) {
      throw asStoreError(error, { what: 'a layer that is verified', root: this.#ports.root });
    }
  }

  async #candidates(): Promise<readonly PrunableImage[]> {
    const index = await this.#ports.index();
    const lastUsed = await this.#uses.lastUsed();
    return index.images().map(({ id, references, records: [record, ...others] }) => ({
      ...{ id, references },
      repositories: record.repositories ?? [],
      labels: record.config.labels,
      createdAt: record.createdAt,
      storedAtMs: Math.max(...[record, ...others].map(({ storedAtMs = 0 }) => storedAtMs)),
      lastUsedAtMs: lastUsed.get(id) ?? 0,
    }));
  }

  async #foretell(doomed: readonly PrunableImage[]): Promise<PrunedImages> {
    const index = await this.#ports.index();
    const ids = new Set(doomed.map(({ id }) => id));
    const rest = new Set(index.records().flatMap(({ id }) => (ids.has(id) ? [] : [id])));
    const { reclaimableBytes, partialBytes } = await this.diskUse(rest);
    return {
      untagged: doomed.flatMap(({ references }) => references),
      deleted: doomed.map(({ id }) => id),
      reclaimedBytes: reclaimableBytes - partialBytes,
    };
  }

  async #discardPartials(unusedForMs: number): Promise<void> {
    await this.#ports.leases.exclusive(async () => {
      const held = new Set(this.#ports.leases.held());
      for (const { digest, mtimeMs } of await this.#ports.partials.all()) {
        const ageMs = Math.max(0, this.#nowMs() - mtimeMs);
        if (!held.has(digest) && ageMs >= unusedForMs) await this.#ports.partials.discard(digest);
      }
    });
  }

  async #blobSizes(): Promise<ReadonlyMap<Digest, number>> {
    const sizes = new Map<Digest, number>();
    for (const digest of await this.#ports.blobs.digests()) {
      sizes.set(digest, (await this.#ports.blobs.sizeOf(digest)) ?? 0);
    }
    return sizes;
  }

  async #totalBytes(): Promise<number> {
    const { unpackedBytes, blobBytes, partialBytes } = await this.diskUse(new Set());
    return unpackedBytes + blobBytes + partialBytes;
  }

  /** How full the file system of the store is, as df(1) tells root. */
  async #usedPercent(): Promise<number> {
    const { totalBytes, freeBytes } = await this.#ports.effects.files.space(this.#ports.root);
    return totalBytes === 0 ? 0 : ((totalBytes - freeBytes) / totalBytes) * 100;
  }

  #nowMs(): number {
    return this.#ports.effects.clock.nowMs();
  }
}

/** Whether only some images are meant, by what they are: what has come in part of others is then left alone. */
function isSelective({ labels, withoutLabels, createdBeforeMs, excluded }: ImagePrunePolicy): boolean {
  return createdBeforeMs !== undefined || labels.length + withoutLabels.length + excluded.length > 0;
}

async function removeUnlessUsed(id: Digest, removal: Removal): ReturnType<Removal['remove']> {
  try {
    return await removal.remove(id);
  } catch (error) {
    // A container has begun to use it, or somebody else has taken it away.
    if (isErrorOfKind(error, 'failed-precondition', 'not-found')) return { untagged: [], deleted: [] };
    throw error;
  }
}
