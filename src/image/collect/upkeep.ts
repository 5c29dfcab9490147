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
import type { PartialBlob, PartialBlobs } from '../store/partial-blobs.ts';
import { asStoreError, imageStoreErrors } from '../store/store-errors.ts';
import { imageDiskUse } from './disk-use.ts';
import { type Part, type Parts, partsOf, partsOnlyOf } from './image-parts.ts';
import { ImageUses } from './image-uses.ts';
import { takeLeftovers } from './leftovers.ts';
import { collectionPasses, doomedImages, doomedPartials, type PrunableImage } from './prune-policy.ts';
import { type DoomedPartials, foretold, type Space, tally, usedPercent } from './pruned.ts';
import { remedyIn } from './remedy.ts';
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
  /**
   * What brings back a blob of the image of a manifest that is damaged or gone, as a sentence for whoever has it to do.
   *
   * @throws {EngineError} not-found for an image that is not here
   */
  remedy(manifestDigest: Digest, digest: Digest): Promise<string>;
  /** One pass of a collection. */
  collect(policy: ImageCollectionPolicy, removal: Removal): Promise<Pick<PrunedImages, 'untagged' | 'deleted'>>;
}

interface UpkeepPorts extends VerifyPorts {
  readonly effects: Effects;
  readonly root: string;
  readonly partials: PartialBlobs;
}

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
    const stored = await this.#stored();
    if (policy.dryRun) return await this.#foretell(doomed, policy, stored);
    const leftovers = await takeLeftovers(this.#ports, policy);
    const partials = await this.#partials(policy, doomed, ({ digest }) => this.#ports.partials.discard(digest));
    const untagged: string[] = [];
    const deleted: string[] = [];
    for (const { id } of doomed) {
      if (policy.lowWaterPercent !== undefined && usedPercent(await this.#space()) <= policy.lowWaterPercent) break;
      const removed = await removeUnlessUsed(id, removal);
      untagged.push(...removed.untagged);
      deleted.push(...removed.deleted);
    }
    const rest = await this.#stored();
    await this.#uses.keepOnly(new Set(rest.map(({ id }) => id)));
    const gone = new Set(deleted);
    const parts = partsOnlyOf(
      stored.filter(({ id }) => gone.has(id)),
      rest,
    );
    const here = new Set<Part>();
    for (const part of parts) if (await this.#isHere(part)) here.add(part);
    return { untagged, deleted, ...tally(parts, (part) => here.has(part), { partials, leftovers }) };
  }

  async collect(policy: ImageCollectionPolicy, removal: Removal): Promise<Pick<PrunedImages, 'untagged' | 'deleted'>> {
    const untagged: string[] = [];
    const deleted: string[] = [];
    for (const pass of collectionPasses(policy, usedPercent(await this.#space()))) {
      const pruned = await this.prune(pass, removal);
      untagged.push(...pruned.untagged);
      deleted.push(...pruned.deleted);
    }
    return { untagged, deleted };
  }

  async verify(request: ImageVerification, context: VerifyContext): Promise<readonly VerifiedImage[]> {
    try {
      return await verifyImages(request, context, this.#ports);
    } catch (error) {
      throw asStoreError(error, { what: 'a layer that is verified', root: this.#ports.root });
    }
  }

  async remedy(manifestDigest: Digest, digest: Digest): Promise<string> {
    const index = await this.#ports.index();
    const record = index.records().find((one) => one.manifestDigest === manifestDigest);
    if (record === undefined) throw imageStoreErrors.unknown({ text: manifestDigest });
    return remedyIn(index, { record, digest, mustGo: (await this.#ports.blobs.sizeOf(digest)) !== undefined });
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

  /** As {@link prune} would do it now, but for containers and pulls that begin meanwhile. */
  async #foretell(
    doomed: readonly PrunableImage[],
    policy: ImagePrunePolicy,
    stored: readonly Parts[],
  ): Promise<PrunedImages> {
    const partials = await this.#partials(policy, doomed, async () => {});
    const others = { partials, leftovers: await takeLeftovers(this.#ports, policy) };
    const held = new Set(this.#ports.leases.held());
    return foretold(doomed, policy, { stored, others, held, space: await this.#space() });
  }

  /**
   * What has come in part and goes, and what would but for a pull that holds it.
   *
   * @param dispose done to each that goes, while no pull can take it up
   */
  async #partials(
    policy: ImagePrunePolicy,
    doomed: readonly PrunableImage[],
    dispose: (partial: PartialBlob) => Promise<void>,
  ): Promise<DoomedPartials> {
    return await this.#ports.leases.exclusive(async () => {
      const leased = new Set(this.#ports.leases.held());
      const all = await this.#ports.partials.all();
      const meant = doomedPartials(all, policy, { goWithImages: doomed.length > 0, nowMs: this.#nowMs() });
      const gone = meant.filter(({ digest }) => !leased.has(digest));
      for (const partial of gone) await dispose(partial);
      return { gone, held: meant.filter(({ digest }) => leased.has(digest)) };
    });
  }

  async #stored(): Promise<readonly Parts[]> {
    const sizes = await this.#blobSizes();
    return (await this.#ports.index()).images().map((image) => partsOf(image, sizes));
  }

  async #isHere({ kind, digest }: Part): Promise<boolean> {
    const { layers, blobs } = this.#ports;
    return kind === 'tree' ? await layers.has(digest) : (await blobs.sizeOf(digest)) !== undefined;
  }

  async #blobSizes(): Promise<ReadonlyMap<Digest, number>> {
    const sizes = new Map<Digest, number>();
    for (const digest of await this.#ports.blobs.digests()) {
      sizes.set(digest, (await this.#ports.blobs.sizeOf(digest)) ?? 0);
    }
    return sizes;
  }

  /** Of the file system of the store. */
  async #space(): Promise<Space> {
    return await this.#ports.effects.files.space(this.#ports.root);
  }

  #nowMs(): number {
    return this.#ports.effects.clock.nowMs();
  }
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
