import type { Termination } from '../../model/exit-status.ts';

/** One moment of `GET /v1/stats`. */
export interface StatsJson {
  readonly atMs: number;
  readonly containers: readonly ContainerStatsJson[];
}

export interface ContainerStatsJson {
  readonly uid: string;
  readonly name: string;
  readonly state: string;
  readonly atMs: number;
  readonly usage: Readonly<Record<string, number>>;
  readonly disk?: { readonly usedBytes?: number; readonly limitBytes?: number };
  readonly pressure: Readonly<Record<string, { readonly some: { readonly percent10s: number } }>>;
}

/** A container as the agent's JSON has it. */
export interface ContainerJson {
  readonly uid: string;
  readonly name: string;
  /** Names from the outermost container to this one. */
  readonly path: string;
  readonly parent: string | null;
  readonly depth: number;
  readonly state: string;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  /** The image that it is made from; null for none, and while it is looked for. */
  readonly imageId?: string | null;
  readonly command: readonly string[];
  readonly termination: Termination | null;
  readonly health?: { readonly status: string } | null;
  readonly readiness?: { readonly isReady: boolean } | null;
  /** Missing in what an older agent says. */
  readonly restart?: { readonly nextAttemptAtMs: number | null };
  readonly config: {
    readonly rootfs: { readonly kind: string; readonly reference?: string; readonly path?: string };
    readonly labels: Readonly<Record<string, string>>;
    readonly terminal: boolean;
  };
}
