/** Who sees what is mounted in a volume later (mount_namespaces(7)), the mounts below it included. */
export type Propagation = 'private' | 'slave' | 'shared';

/**
 * What a bind does with mounts below its source, as Docker's `bind-recursive`: `enabled` shows them, and a read-only
 * bind makes them read-only too; `writable` leaves them writable; `readonly` is the promise of both; `disabled` leaves
 * them out.
 */
export type Recursion = 'enabled' | 'disabled' | 'writable' | 'readonly';

/** A range of ids: what is `onDisk` is seen as owned by `seen` (mount_setattr(2), "ID-mapped mounts"). */
export interface IdRange {
  readonly onDisk: number;
  readonly seen: number;
  readonly count: number;
}

export interface IdMap {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

interface Placed {
  /** Where the container sees it; absolute. */
  readonly containerPath: string;
  readonly readOnly: boolean;
}

/** What mounts of existing files may be asked; an absent switch is off. */
interface Shown extends Placed {
  readonly noexec?: boolean;
  readonly nosuid?: boolean;
  /** Everything in it is given to the user of the container before it starts (`U`). */
  readonly chown?: boolean;
  readonly idMap?: IdMap;
}

/** A file, directory or device of the host. */
export interface HostPathVolume extends Shown {
  readonly kind: 'host-path';
  readonly hostPath: string;
  /** Default `private`. */
  readonly propagation?: Propagation;
  /** Default `enabled`. */
  readonly recursion?: Recursion;
}

/** A volume with a life of its own. Without a name a new one is made, which goes with the container. */
export interface NamedVolume extends Shown {
  readonly kind: 'named';
  readonly name?: string;
  /** An empty volume stays empty, whatever the image has at its path. */
  readonly noCopy?: boolean;
  /** A directory in the volume, shown in place of all of it. */
  readonly subpath?: string;
  /** For a volume that does not exist yet: as `isopod volume create` takes them. */
  readonly driver?: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Made for this container, and gone with it: set by the engine, never by a caller. */
  readonly anonymous?: boolean;
}

/** A file system in memory. */
export interface TmpfsVolume extends Placed {
  readonly kind: 'tmpfs';
  readonly sizeBytes?: number;
  /** Permission bits of its top; default 01777. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Programs, setuid bits and devices mean nothing in it unless these say so. */
  readonly exec?: boolean;
  readonly suid?: boolean;
  readonly dev?: boolean;
}

/** The files of an image, read-only. */
export interface ImageVolume extends Placed {
  readonly kind: 'image';
  readonly reference: string;
  readonly subpath?: string;
}

/** A file with a secret, in memory. */
export interface SecretVolume extends Placed {
  readonly kind: 'secret';
  /** Names one of the values that come beside the config. */
  readonly secret: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Default 0400. */
  readonly mode?: number;
}

/** A directory in a sandbox directory: the container's own, or its parent's. */
export interface SandboxVolume extends Placed {
  readonly kind: 'sandbox';
  readonly of: 'self' | 'parent';
  /** Relative; made when it is missing. */
  readonly path: string;
}

/** What a container is shown besides its root file system. */
export type Volume = HostPathVolume | NamedVolume | TmpfsVolume | ImageVolume | SecretVolume | SandboxVolume;

export type VolumeKind = Volume['kind'];

/** As a caller may write it: an optional field may also be there without a value. */
type Loose<Fields> = Fields extends unknown
  ? {
      readonly [Name in keyof Fields]: Record<never, never> extends Pick<Fields, Name>
        ? Fields[Name] | undefined
        : Fields[Name];
    }
  : never;

export type VolumeRequest = Loose<Volume>;

/** The volumes of another container, at the same places. */
export interface VolumesFrom {
  /** Uid, name or unambiguous uid prefix. */
  readonly container: string;
  readonly readOnly: boolean;
}

/** A variable whose value is a secret. */
export interface SecretVariable {
  readonly variable: string;
  readonly secret: string;
}

/** Secrets by name. They come beside a config, live in memory until exec, and are part of nothing that is stored. */
export type SecretValues = ReadonlyMap<string, Uint8Array>;

/** Where the files of a volume are that has a life of its own, once the engine has found or made it. */
export type VolumeSource =
  /** `fill`: what the root file system has at its place is copied into it first. */
  | { readonly kind: 'directory'; readonly path: string; readonly fill?: 'when-empty' | 'completing' }
  /** Layers of an image, top first. */
  | { readonly kind: 'layers'; readonly lowerDirs: readonly string[] };

/** What stands for a volume in messages: where it comes from. */
export function sourceOfVolume(volume: VolumeRequest): string {
  switch (volume.kind) {
    case 'host-path':
      return volume.hostPath;
    case 'named':
      return volume.name ?? 'a new volume';
    case 'tmpfs':
      return 'tmpfs';
    case 'image':
      return `image ${volume.reference}`;
    case 'secret':
      return `secret ${volume.secret}`;
    case 'sandbox':
      return `sandbox directory ${volume.path}`;
  }
}
