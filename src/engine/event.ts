import type { ContainerUid } from '../model/container-id.ts';
import type { Digest } from '../model/digest.ts';
import type { Limitation, Termination } from '../model/exit-status.ts';

export const CONTAINER_EVENT_KINDS = [
  'created',
  'started',
  'paused',
  'unpaused',
  'updated',
  /** Memory ran out. */
  'oom',
  /** Another bound was hit: processes, disk. */
  'limitation',
  'terminated',
  'restarting',
  'restarted',
  'health',
  'readiness',
  'removed',
] as const;
export const IMAGE_EVENT_KINDS = [
  'pulled',
  'pushed',
  'copied',
  'tagged',
  'untagged',
  'removed',
  'loaded',
  'imported',
  'saved',
  'committed',
] as const;
export const VOLUME_EVENT_KINDS = ['created', 'removed'] as const;
export const EVENT_SUBJECTS = ['container', 'image', 'volume'] as const;

export type ContainerEventKind = (typeof CONTAINER_EVENT_KINDS)[number];

/** Whose event it is; kept with it, for a container may be gone when somebody reads. */
export interface EventContainer {
  readonly uid: ContainerUid;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Keys of those that are of its image; absent without any. */
  readonly inheritedLabels?: readonly string[];
  /** The reference that its root file system is made from. */
  readonly image?: string;
}

export interface ContainerHappening extends EventContainer {
  readonly subject: 'container';
  readonly kind: ContainerEventKind;
  readonly atMs: number;
  /** With `oom` and `limitation`: how often by now, and the statistics of that moment. */
  readonly limitation?: Limitation;
  /** With `terminated`. */
  readonly termination?: Termination;
  /** With `restarting` and `restarted`: how often by now. */
  readonly restarts?: number;
  /** With `health`. */
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  /** With `readiness`. */
  readonly isReady?: boolean;
  /** With `restarting`: when it will be started again. */
  readonly dueAtMs?: number;
}

export interface ImageHappening {
  readonly subject: 'image';
  readonly kind: (typeof IMAGE_EVENT_KINDS)[number];
  readonly atMs: number;
  /** The name that it was pulled by, has got or has lost, or empty for none; of one that is removed: what was asked for; of one that is pushed or copied: where to. */
  readonly image: string;
  readonly imageId?: Digest;
  /** Of its manifest; of one that is pushed or copied: that which the target has now. */
  readonly digest?: Digest;
  /** With `copied`: where from, as it was asked for. */
  readonly source?: string;
}

export interface VolumeHappening {
  readonly subject: 'volume';
  readonly kind: (typeof VOLUME_EVENT_KINDS)[number];
  readonly atMs: number;
  readonly volume: string;
}

/** Something observable happened. */
export type Happening = ContainerHappening | ImageHappening | VolumeHappening;

/**
 * Where in the order of all events one is: `<epoch>-<number>`. Numbers of one epoch have no holes, and one position says
 * nothing of another epoch.
 */
export type EventPosition = string;

/** Something happened, and where it is in the order of all. */
export type PositionedHappening = Happening & { readonly position: EventPosition };

/** Stands where events are missing: the reader was too slow, or asks for what is not kept (any more). */
export interface EventGap {
  readonly subject: 'stream';
  readonly kind: 'gap';
  readonly atMs: number;
  /** Of all events, those that a filter leaves out too. */
  readonly missed: number | 'unknown';
  /** The last place before what follows. */
  readonly position: EventPosition;
}

/** What readers of events get; `ps`, waiters and tests follow these. */
export type EngineEvent = PositionedHappening | EventGap;

/** Lists are alternatives, but for labels, all of which must fit; different fields must all fit. */
export interface EventFilter {
  /** Uid, a prefix of one, or name. */
  readonly containers?: readonly string[] | undefined;
  /** `key` or `key=value`. */
  readonly labels?: readonly string[] | undefined;
  readonly kinds?: readonly string[] | undefined;
  readonly subjects?: readonly string[] | undefined;
  /** Image references or ids; of containers, what they are made from. */
  readonly images?: readonly string[] | undefined;
  readonly volumes?: readonly string[] | undefined;
}

/** Which events, and from where on; from now on unless said. */
export interface EventQuery extends EventFilter {
  /** Goes on after this place. */
  readonly after?: EventPosition | undefined;
  /** Begins with what is kept and not older; not together with `after`. */
  readonly sinceMs?: number | undefined;
  /** Ends when this moment has come. */
  readonly untilMs?: number | undefined;
}
