import type { VolumeInfo, VolumeSpec } from '../volume/volumes.ts';

/** A volume, and who has it now. */
export interface VolumeStatus extends VolumeInfo {
  /** Uids of the containers that have it, running or not. */
  readonly containers: readonly string[];
}

/** Which volumes to take away. */
export interface PruneRequest {
  /** Those that somebody has named too, not only those that were made for a container. */
  readonly all: boolean;
  /** `key` or `key=value`, all of which a volume must have. */
  readonly labels: readonly string[];
  /** Labels of which it may have none. */
  readonly withoutLabels?: readonly string[] | undefined;
}

/** What can be done with volumes apart from containers. */
export interface VolumeOperations {
  /** Idempotent. @throws already-exists when one of this name differs, invalid-argument */
  create(spec: VolumeSpec): Promise<VolumeStatus>;
  list(): Promise<readonly VolumeStatus[]>;
  /** @throws not-found */
  get(name: string): Promise<VolumeStatus>;
  /** @throws not-found; failed-precondition while a container has it */
  remove(name: string): Promise<void>;
  /** Removes what no container has. @returns the names of those */
  prune(request: PruneRequest): Promise<readonly string[]>;
}
