import { constants } from 'node:os';
import type { ProcessEnd } from '../launcher/launcher.ts';
import type { ExitStatus, Limitation, Termination } from '../model/exit-status.ts';

/** Puts together the end of a container from what was seen of it. Pure. */
export function terminationOf(facts: {
  readonly end: ProcessEnd;
  readonly limitations: readonly Limitation[];
  readonly startedAtMs: number | undefined;
  /** Why an end that nobody saw was not seen. */
  readonly lostBecause?: string | undefined;
  /** What it lived in, when that was coming to its end at the same time. */
  readonly endedWith?: string | undefined;
}): Termination {
  const { end, limitations, startedAtMs } = facts;
  const causes = limitations.filter((limitation) => mayHaveEnded(limitation, end.exitStatus));
  const reason = reasonOf(end.exitStatus, causes, facts.endedWith);
  return {
    exitStatus: end.exitStatus,
    reason,
    message: messageOf({ ...facts, reason, status: end.exitStatus, limitations: causes }),
    limitations,
    startedAtMs,
    finishedAtMs: end.atMs,
  };
}

/** A launch that failed while somebody waited for the container's end. */
export function launchFailedTermination(error: unknown, atMs: number): Termination {
  return {
    exitStatus: { kind: 'lost' },
    reason: 'launch-failed',
    message: error instanceof Error ? error.message : String(error),
    limitations: [],
    startedAtMs: undefined,
    finishedAtMs: atMs,
  };
}

const UNSEEN = {
  rebooted: 'the host was restarted while it ran (reboot)',
  'end-unreadable': 'it has ended, and the record of its end cannot be read',
} as const;

/** Of a container that ran when the host went down, or whose record of the end is damaged. */
export function unseenTermination(because: keyof typeof UNSEEN, atMs: number): Termination {
  return {
    ...{ exitStatus: { kind: 'lost' }, reason: 'lost', limitations: [] },
    message: UNSEEN[because],
    ...{ startedAtMs: undefined, finishedAtMs: atMs },
  };
}

/** Nobody is killed for a limit of processes: a command may give up when it gets no further one. */
function mayHaveEnded({ resource }: Limitation, status: ExitStatus): boolean {
  return resource !== 'pids' || status.kind === 'exited';
}

/** A bound that was hit explains a bad end; a command that ended well in spite of it was not ended by it. */
function reasonOf(
  status: ExitStatus,
  limitations: readonly Limitation[],
  endedWith: string | undefined,
): Termination['reason'] {
  if (status.kind === 'lost') return 'lost';
  const endedWell = status.kind === 'exited' && status.code === 0;
  if (limitations.length > 0 && !endedWell) return 'limitation';
  if (status.kind === 'exited') return 'exited';
  return endedWith === undefined ? 'killed' : 'parent-ended';
}

function messageOf(facts: {
  readonly reason: Termination['reason'];
  readonly status: ExitStatus;
  readonly limitations: readonly Limitation[];
  readonly lostBecause?: string | undefined;
  readonly endedWith?: string | undefined;
}): string {
  if (facts.reason === 'limitation') return facts.limitations.map(({ message }) => message).join('; ');
  const together = facts.reason === 'parent-ended' ? ` with container ${facts.endedWith}, which it lived in` : '';
  switch (facts.status.kind) {
    case 'exited':
      return `exited with code ${facts.status.code}`;
    case 'signaled':
      return `ended by signal ${signalText(facts.status.signal)}${facts.status.coreDumped ? ', core dumped' : ''}${together}`;
    case 'lost':
      return facts.lostBecause ?? 'its monitor vanished, so nobody saw the end';
  }
}

function signalText(signal: number): string {
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  return name === undefined ? String(signal) : `${signal} (${name})`;
}
