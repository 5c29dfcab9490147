import type {
  ImageDiskUse,
  ImagePrunePolicy,
  ImageVerification,
  PrunedImages,
  VerifiedImage,
} from '../model/image-upkeep.ts';

/** How much of one kind of thing there is. */
export interface KindOnDisk {
  readonly total: number;
  /** Those that run, or that a container has. */
  readonly active: number;
  readonly sizeBytes: number;
  /** What would go with the others. */
  readonly reclaimableBytes: number;
}

/** What the engine keeps on disk. */
export interface DiskReport {
  readonly images: ImageDiskUse;
  readonly containers: KindOnDisk;
  readonly volumes: KindOnDisk;
}

/** What keeps the disk from filling up. */
export interface UpkeepOperations {
  /** Counts by walking what containers and volumes hold, so it may take long. */
  diskUse(): Promise<DiskReport>;
  /** @throws {EngineError} `image-reference.malformed` (invalid-argument) before anything is taken away */
  pruneImages(policy: ImagePrunePolicy): Promise<PrunedImages>;
  /**
   * Looks whether images are as they came, and mends what can be mended if asked to. May take minutes.
   *
   * @throws {EngineError} not-found; resource-exhausted when the disk is full
   */
  verifyImages(request: ImageVerification, signal: AbortSignal): Promise<readonly VerifiedImage[]>;
}
