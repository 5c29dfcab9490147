/** How init ended: its code, or the signal that ended it. */
export type ExitStatus =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: number; readonly coreDumped: boolean }
  /** The monitor vanished, so nobody saw the end. */
  | { readonly kind: 'lost' };

/** A resource bound was hit. */
export interface Limitation {
  readonly isolator: string;
  readonly resource: 'memory' | 'pids' | 'disk';
  /** How often since the container was launched. */
  readonly times: number;
  /** For a person: what was hit, the bound and the use at that moment. */
  readonly message: string;
  /** Counters of that moment, named as in usage. */
  readonly statistics?: Readonly<Record<string, number>>;
}

/** The end of a container, kept until it is removed. */
export interface Termination {
  readonly exitStatus: ExitStatus;
  /** `parent-ended`: a signal ended it when what it lived in came to its end. */
  readonly reason: 'exited' | 'killed' | 'limitation' | 'parent-ended' | 'lost' | 'launch-failed';
  readonly message: string;
  readonly limitations: readonly Limitation[];
  readonly startedAtMs: number | undefined;
  readonly finishedAtMs: number;
}

/** @param waitStatus as wait4(2) returns it */
export function exitStatusOf(waitStatus: number): ExitStatus {
  const signal = waitStatus & 0x7f;
  if (signal === 0) return { kind: 'exited', code: (waitStatus >> 8) & 0xff };
  return { kind: 'signaled', signal, coreDumped: (waitStatus & 0x80) !== 0 };
}

/** The shell's convention: the code itself, 128 + n for signal n; 255 when the end was not seen. */
export function shellExitCode(status: ExitStatus): number {
  switch (status.kind) {
    case 'exited':
      return status.code;
    case 'signaled':
      return 128 + status.signal;
    case 'lost':
      return 255;
  }
}
