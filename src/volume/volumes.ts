import type { NamedVolume, Volume, VolumeSource } from '../model/volume.ts';
import type { VolumeRecord } from './driver.ts';

/** A volume as callers see it. */
export interface VolumeInfo extends Omit<VolumeRecord, 'schemaVersion'> {
  /** Host path of its data. */
  readonly mountPoint: string;
}

/** What a caller may say of a new volume. */
export interface VolumeSpec {
  /** One is made up otherwise. */
  readonly name?: string | undefined;
  readonly driver?: string | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** The volumes of one root directory. */
export interface Volumes {
  /** Finds what earlier engines left and sweeps what they had half made, or half removed. Called once, before all else. */
  load(): Promise<void>;
  /** Removes the volumes that were made for containers that are not there. */
  sweep(isContainer: (uid: string) => Promise<boolean>): Promise<void>;
  list(): readonly VolumeInfo[];
  /** @throws {EngineError} `volumes.unknown` (not-found) */
  get(name: string): VolumeInfo;
  /**
   * Makes a volume, durably. One that is there already and does not differ is given back.
   *
   * @throws {EngineError} `volumes.differs` (already-exists), `volumes.unknownDriver`, `volume-driver.*`
   */
  create(spec: VolumeSpec): Promise<VolumeInfo>;
  /**
   * Finds or makes the named volumes among these, for a container that is about to be launched.
   *
   * @param owner uid of the container that those without names go with
   * @returns where they are, by container path
   */
  acquire(volumes: readonly Volume[], owner: string): Promise<Readonly<Record<string, VolumeSource>>>;
  /** As `acquire`, for a plan that is only explained: nothing is made. */
  preview(volumes: readonly Volume[]): Readonly<Record<string, VolumeSource>>;
  /** From now on they are not filled from images any more. */
  markUsed(names: readonly string[]): Promise<void>;
  /** @throws {EngineError} `volumes.unknown` (not-found), `volumes.inUse` (failed-precondition) */
  remove(name: string, usersOf: UsersOf): Promise<void>;
  /** Removes those that belong to a container without names. What others use now stays, without an owner. */
  removeOwned(owner: string, usersOf: UsersOf): Promise<void>;
  /** Calls `told` for each volume that is made or removed from now on; a second call takes the place of the first. */
  onChange(told: VolumeChange): void;
  /** Keeps those that belong to a container beyond it. */
  keepOwned(owner: string): Promise<void>;
}

export type VolumeChange = (kind: 'created' | 'removed', name: string) => void;

/** Uids of the containers that have a volume. */
export type UsersOf = (name: string) => readonly string[];

/** A named volume whose name is settled. */
export type SettledVolume = NamedVolume & { readonly name: string };

export function isSettled(volume: Volume): volume is SettledVolume {
  return volume.kind === 'named' && volume.name !== undefined;
}
