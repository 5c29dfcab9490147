import type { ContainerUid } from './container-id.ts';
import type { IdMap } from './volume.ts';

/** Attributes of a mount, as mount_setattr(2) knows them; an absent one is off. */
export type MountAttribute = 'ro' | 'nosuid' | 'nodev' | 'noexec' | 'noatime' | 'relatime';

/** What may be asked of the top of a mount once it is made. */
export interface MountTreatment {
  /** A path in the tree that is shown in place of all of it; resolved inside the tree, once. */
  readonly subpath?: string;
  /** Everything in it is given to the user of the container. */
  readonly chown?: true;
  readonly idMap?: IdMap;
  /**
   * What the root file system has at the target is copied in first: `when-empty`, or `completing` what a copy that was
   * cut off has begun.
   */
  readonly fill?: 'when-empty' | 'completing';
}

/** A fresh file system. */
export interface NewMount extends MountTreatment {
  readonly kind: 'new';
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
  readonly attributes: readonly MountAttribute[];
  /** Nodes, links and directories made in it before it is attached; paths are relative to it. */
  readonly content?: readonly MountContent[];
}

export type MountContent =
  | {
      readonly kind: 'node';
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
      /** Absent: root's. */
      readonly owner?: { readonly uid: number; readonly gid: number };
    }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  /** A file whose content is a slot: its producer is the caller, and no plan holds it. */
  | {
      readonly kind: 'secret';
      readonly path: string;
      readonly secret: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

/** A path of the host seen in the container. */
export interface BindMount extends MountTreatment {
  readonly kind: 'bind';
  readonly source: string;
  readonly target: string;
  readonly attributes: readonly MountAttribute[];
  readonly recursive: boolean;
  /** What is made at `target` when nothing is there. */
  readonly create: 'directory' | 'file' | 'nothing';
  /** In a user namespace its files are seen with the owners that the host sees, not through the maps. */
  readonly keepOwners?: true;
  /** Absent: what is mounted later stays on its side. */
  readonly propagation?: 'slave' | 'shared';
  /** Of a recursive bind: attributes that the mounts below the top do not get. */
  readonly topAttributes?: readonly MountAttribute[];
}

/** The /dev/shm of a running container, seen in this one. */
export interface SharedMount extends MountTreatment {
  readonly kind: 'shared';
  readonly source: string;
  readonly target: string;
  readonly attributes: readonly MountAttribute[];
  readonly of: ProcessReference;
}

/** Init of a running container: a pid means nothing without its start time. */
export interface ProcessReference {
  readonly container: ContainerUid;
  readonly pid: number;
  /** Ticks after boot, field 22 of /proc/PID/stat; text, for JSON has no bigint. */
  readonly startTime: string;
}

/** Layers of an image, top first, read-only. */
export interface ImageMount extends MountTreatment {
  readonly kind: 'image';
  readonly reference: string;
  readonly lowerDirs: readonly string[];
  readonly target: string;
  readonly attributes: readonly MountAttribute[];
}

export type Mount = NewMount | BindMount | SharedMount | ImageMount;
