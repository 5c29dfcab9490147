import type { Counter, Histogram, MetricRegistry } from '../../base/metrics.ts';
import { EngineError, ERROR_KINDS, type ErrorKind } from '../../model/error.ts';
import type { Limitation, Termination } from '../../model/exit-status.ts';
import type { RecoveryDecision } from '../recovery-decision.ts';
import type { Milestone } from '../timeline.ts';

/** What became of something that was tried: it was done, or the kind of error that kept it from being done. */
export type Outcome = 'ok' | ErrorKind;

/** Why a container was made not to exist. */
export type DestroyReason = 'asked' | 'ended' | 'launch-failed' | 'orphaned';

export type RecoveryOutcome = RecoveryDecision['kind'] | 'failed';

const OUTCOMES: readonly (readonly [Outcome])[] = [['ok'], ...ERROR_KINDS.map((kind) => [kind] as const)];
const REASONS: readonly (readonly [DestroyReason])[] = [['asked'], ['ended'], ['launch-failed'], ['orphaned']];
const ENDS: readonly (readonly [Termination['reason']])[] = [['exited'], ['killed'], ['limitation'], ['lost']];
const RESOURCES: readonly (readonly [Limitation['resource']])[] = [['memory'], ['pids'], ['disk']];
const RECOVERIES: readonly (readonly [RecoveryOutcome])[] = [
  ...[['reconnect'] as const, ['terminated'] as const, ['rebooted'] as const],
  ...[['sweep'] as const, ['damaged'] as const, ['end-unreadable'] as const, ['failed'] as const],
];
/** Milestones of our own in the timeline of a launch, in order. */
const PHASES = ['image', 'recipe', 'directories', 'plan', 'sent', 'checkpoint', 'started'] as const;
type Phase = (typeof PHASES)[number];

/** Seconds; a launch takes milliseconds, one with a pull minutes. */
const LAUNCH_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];
const PHASE_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 10];
const DESTROY_BOUNDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 5, 10, 30, 60];
const PULL_BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

const MS_PER_S = 1000;
const US_PER_S = 1_000_000;

const BY_OUTCOME = { labels: ['outcome'], known: OUTCOMES } as const;
const SPECS = {
  launches: {
    name: 'isopod_launches_total',
    help: 'Launches of containers by outcome: ok, or the kind of the error.',
    ...BY_OUTCOME,
  },
  launchSeconds: {
    name: 'isopod_launch_duration_seconds',
    help: 'From the call to the exec of the command, of launches that succeeded.',
  },
  phaseSeconds: {
    name: 'isopod_launch_phase_duration_seconds',
    help: 'What the phases of launches took, each named by the milestone at its end.',
    labels: ['phase'],
    known: PHASES.map((phase) => [phase] as const),
  },
  ends: {
    name: 'isopod_container_ends_total',
    help: 'Containers that have ended, by reason.',
    labels: ['reason'],
    known: ENDS,
  },
  destroys: {
    name: 'isopod_destroys_total',
    help: 'Containers that were made not to exist, by reason.',
    labels: ['reason'],
    known: REASONS,
  },
  destroyErrors: {
    name: 'isopod_destroy_errors_total',
    help: 'Attempts to end a container, or to release what it held, that failed.',
  },
  destroySeconds: {
    name: 'isopod_destroy_duration_seconds',
    help: 'What it took to release and to forget a container that had ended.',
  },
  directoryErrors: {
    name: 'isopod_directory_removal_errors_total',
    help: 'Directories of removed containers that could not be removed at once.',
  },
  limits: {
    name: 'isopod_limits_hit_total',
    help: 'How often bounds of containers were hit, by resource.',
    labels: ['resource'],
    known: RESOURCES,
  },
  oomKills: {
    name: 'isopod_oom_kills_total',
    help: 'Processes of containers that the kernel has killed because memory ran out.',
  },
  recoveries: {
    name: 'isopod_recoveries_total',
    help: 'Containers that this engine found at its start, by what became of them.',
    labels: ['outcome'],
    known: RECOVERIES,
  },
  pulls: {
    name: 'isopod_pulls_total',
    help: 'Pulls of images by outcome: ok, or the kind of the error.',
    ...BY_OUTCOME,
  },
  pullSeconds: { name: 'isopod_pull_duration_seconds', help: 'What pulls took that succeeded.' },
  problems: {
    name: 'isopod_problems_total',
    help: 'What went wrong where no caller waited; the log of the agent has each.',
  },
} as const;

/** What an engine counts of its own work. Told by its parts as things happen; asked by nobody but who collects. */
export class EngineMetrics {
  readonly #launches: Counter<readonly [Outcome]>;
  readonly #launchSeconds: Histogram<readonly []>;
  readonly #phaseSeconds: Histogram<readonly [Phase]>;
  readonly #ends: Counter<readonly [Termination['reason']]>;
  readonly #destroys: Counter<readonly [DestroyReason]>;
  readonly #destroyErrors: Counter<readonly []>;
  readonly #destroySeconds: Histogram<readonly []>;
  readonly #directoryErrors: Counter<readonly []>;
  readonly #limits: Counter<readonly [Limitation['resource']]>;
  readonly #oomKills: Counter<readonly []>;
  readonly #recoveries: Counter<readonly [RecoveryOutcome]>;
  readonly #pulls: Counter<readonly [Outcome]>;
  readonly #pullSeconds: Histogram<readonly []>;
  readonly #problems: Counter<readonly []>;

  constructor(registry: MetricRegistry) {
    this.#launches = registry.counter(SPECS.launches);
    this.#launchSeconds = registry.histogram(SPECS.launchSeconds, LAUNCH_BOUNDS);
    this.#phaseSeconds = registry.histogram(SPECS.phaseSeconds, PHASE_BOUNDS);
    this.#ends = registry.counter(SPECS.ends);
    this.#destroys = registry.counter(SPECS.destroys);
    this.#destroyErrors = registry.counter(SPECS.destroyErrors);
    this.#destroySeconds = registry.histogram(SPECS.destroySeconds, DESTROY_BOUNDS);
    this.#directoryErrors = registry.counter(SPECS.directoryErrors);
    this.#limits = registry.counter(SPECS.limits);
    this.#oomKills = registry.counter(SPECS.oomKills);
    this.#recoveries = registry.counter(SPECS.recoveries);
    this.#pulls = registry.counter(SPECS.pulls);
    this.#pullSeconds = registry.histogram(SPECS.pullSeconds, PULL_BOUNDS);
    this.#problems = registry.counter(SPECS.problems);
  }

  /** @param milestones of the launch, those of its monitor among them */
  launched(milestones: readonly Milestone[]): void {
    this.#launches.increment('ok');
    let beforeUs = 0;
    for (const { name, microseconds } of milestones) {
      if (!isPhase(name)) continue;
      this.#phaseSeconds.observe((microseconds - beforeUs) / US_PER_S, name);
      beforeUs = microseconds;
    }
    this.#launchSeconds.observe(beforeUs / US_PER_S);
  }

  launchFailed(error: unknown): void {
    this.#launches.increment(outcomeOf(error));
    this.#destroys.increment('launch-failed');
  }

  ended(reason: Termination['reason']): void {
    this.#ends.increment(reason);
  }

  destroyed(reason: DestroyReason, tookMs?: number): void {
    this.#destroys.increment(reason);
    if (tookMs !== undefined) this.#destroySeconds.observe(tookMs / MS_PER_S);
  }

  destroyFailed(): void {
    this.#destroyErrors.increment();
  }

  directoriesLeft(): void {
    this.#directoryErrors.increment();
  }

  /** @param times since it was told last */
  limitHit(resource: Limitation['resource'], times: number): void {
    this.#limits.add(times, resource);
    if (resource === 'memory') this.#oomKills.add(times);
  }

  recovered(outcome: RecoveryOutcome): void {
    this.#recoveries.increment(outcome);
    if (outcome === 'sweep') this.#destroys.increment('orphaned');
  }

  pulled(tookMs: number): void {
    this.#pulls.increment('ok');
    this.#pullSeconds.observe(tookMs / MS_PER_S);
  }

  pullFailed(error: unknown): void {
    this.#pulls.increment(outcomeOf(error));
  }

  problem(): void {
    this.#problems.increment();
  }
}

/** The kind of an error; what is none of ours is a fault of ours. */
export function outcomeOf(error: unknown): ErrorKind {
  return error instanceof EngineError ? error.kind : 'internal';
}

function isPhase(name: string): name is Phase {
  return (PHASES as readonly string[]).includes(name);
}
