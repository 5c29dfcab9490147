import type { VolumeSource } from '../model/volume.ts';

/** What is kept of a volume; written before anybody sees it. */
export interface VolumeRecord {
  readonly schemaVersion: 1;
  readonly name: string;
  readonly driver: string;
  /** As the driver takes them. */
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  /** Made for a container without a name, which it may go with. */
  readonly anonymous: boolean;
  /** Uid of the container that it goes with; absent once that was removed and it was kept. */
  readonly owner?: string;
  /** Whether it was in use already: only a volume that was not is filled from an image. */
  readonly used: boolean;
}

/**
 * Where the data of volumes are. A driver works in the directory of a volume, whose record is the engine's; its
 * calls are idempotent, for a crash may come after each.
 */
export interface VolumeDriver {
  readonly name: string;
  /** @throws {EngineError} `volume-driver.*` (invalid-argument) for options that mean nothing to it */
  check(volume: Pick<VolumeRecord, 'name' | 'options'>): void;
  /** Makes the data, in a directory that nobody sees yet. */
  create(volume: VolumeRecord, directory: string): Promise<void>;
  /** What a launch mounts. Pure. */
  source(volume: VolumeRecord, directory: string): VolumeSource;
  /** Releases what `create` made outside of the directory, which is removed afterwards. */
  remove(volume: VolumeRecord, directory: string): Promise<void>;
}
