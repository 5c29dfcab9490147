import type { ContainerUid } from '../model/container-id.ts';
import type {
  ImageDiskUse,
  ImagePrunePolicy,
  ImageVerification,
  PrunedImages,
  VerifiedImage,
} from '../model/image-upkeep.ts';
import type { ContainerState } from './container-status.ts';

/** How much of one kind of thing there is. */
export interface KindOnDisk {
  readonly total: number;
  /** Those that run, or that a container has. */
  readonly active: number;
  readonly sizeBytes: number;
  /** What would go with the others. */
  readonly reclaimableBytes: number;
}

/** What one container takes, beside its image and its volumes. */
export interface ContainerOnDisk {
  readonly uid: ContainerUid;
  /** Its path of names, as `ps` shows it. */
  readonly name: string;
  /** The reference that its root file system is made from; absent for one of no image. */
  readonly image?: string;
  readonly state: ContainerState;
  /** Named volumes that it has. */
  readonly volumes: readonly string[];
  /** What it has written, its logs and its records. */
  readonly sizeBytes: number;
}

/** What one volume takes. */
export interface VolumeOnDisk {
  readonly name: string;
  /** Uids of the containers that have it. */
  readonly users: readonly ContainerUid[];
  readonly sizeBytes: number;
}

/** What the engine keeps on disk. */
export interface DiskReport {
  readonly images: ImageDiskUse;
  readonly containers: KindOnDisk & { readonly containers: readonly ContainerOnDisk[] };
  readonly volumes: KindOnDisk & { readonly volumes: readonly VolumeOnDisk[] };
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
