import { type Caller, type Callers, NO_CALLERS } from '../../base/callers.ts';
import { withDeadline } from '../../base/deadline.ts';
import type { Clock } from '../../base/effects.ts';
import type { Counter, Histogram, MetricRegistry } from '../../base/metrics.ts';
import type { Span, Tracer } from '../../base/tracing.ts';
import { engineErrors } from '../errors.ts';
import type { EngineLog } from '../problem.ts';
import type { OperationStatus, StepStatus } from './diagnostics-facade.ts';
import { type Outcome, outcomeOf } from './engine-metrics.ts';
import { NOT_CANCELLABLE, OPERATION_KINDS, type OperationKind } from './operation-kinds.ts';

/** What an operation is, as far as it is known when it begins. */
export interface OperationFacts {
  readonly kind: OperationKind;
  /** Uid of the container. */
  readonly container?: string | undefined;
  /** What it is about besides: a reference, what is done in the background. */
  readonly subject?: string | undefined;
  /** Gives it up; of the kinds that may be. */
  readonly cancel?: ((reason: Error) => void) | undefined;
}

/** Something that is waited for. */
export interface StepFacts {
  readonly what: string;
  /** Of the container it belongs to: it is shown with the operations on that container. */
  readonly uid?: string | undefined;
  /** The operation that it belongs to, where that is on no container. */
  readonly operation?: Operation | undefined;
  /** After which whoever waits gives up. */
  readonly ms?: number | undefined;
}

/** An operation that is under way, for those who do it. */
export interface Operation extends OperationFacts {
  /** Where it is, in words; shown until the next one. */
  note: string | undefined;
  /** Where it is recorded. */
  readonly span: Span | undefined;
}

interface Running extends Operation {
  readonly id: string;
  readonly sinceMs: number;
  readonly requestId: string | undefined;
}

interface Step extends Omit<StepFacts, 'ms'> {
  readonly sinceMs: number;
  deadlineAtMs: number | undefined;
}

/** Says after how long, from now on, whoever waits gives up; each word holds until the next one. */
export type Until = (ms: number) => void;

export interface OperationTrackerOptions {
  readonly clock: Clock;
  readonly registry: MetricRegistry;
  readonly callers?: Callers | undefined;
  readonly log?: EngineLog | undefined;
  readonly tracer?: Tracer | undefined;
}

const SECONDS_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10, 30, 60];
const MS_PER_S = 1000;

/** What is under way at this moment, which step of it is waited for, and until when. Costs each operation a map entry. */
export class OperationTracker {
  readonly #clock: Clock;
  readonly #callers: Callers;
  readonly #log: EngineLog | undefined;
  readonly #tracer: Tracer | undefined;
  readonly #running = new Map<string, Running>();
  readonly #steps = new Set<Step>();
  readonly #total: Counter<readonly [OperationKind, Outcome]>;
  readonly #seconds: Histogram<readonly [OperationKind]>;
  #count = 0;

  constructor({ clock, registry, callers = NO_CALLERS, log, tracer }: OperationTrackerOptions) {
    this.#clock = clock;
    this.#callers = callers;
    this.#log = log;
    this.#tracer = tracer;
    this.#total = registry.counter({
      name: 'isopod_operations_total',
      help: 'Operations of the engine that are over, by kind and outcome.',
      labels: ['kind', 'outcome'],
    });
    this.#seconds = registry.histogram(
      { name: 'isopod_operation_duration_seconds', help: 'What operations took, by kind.', labels: ['kind'] },
      SECONDS_BOUNDS,
    );
    registry.gauge<readonly [OperationKind]>(
      { name: 'isopod_operations_in_progress', help: 'Operations that are under way, by kind.', labels: ['kind'] },
      () => OPERATION_KINDS.map((kind) => [[kind], this.#countOf(kind)]),
    );
  }

  /** Does something that shows as an operation until it is over. */
  async run<Result>(facts: OperationFacts, work: (operation: Operation) => Promise<Result>): Promise<Result> {
    const operation = this.#begin(facts);
    try {
      const result = await work(operation);
      this.#end(operation, 'ok');
      operation.span?.end();
      return result;
    } catch (error) {
      this.#end(operation, outcomeOf(error));
      operation.span?.end(error);
      throw error;
    }
  }

  /**
   * Waits for a step, but not for ever.
   *
   * @param step.expired the error when the time is over; `engine.overdue` unless given
   */
  async within<Value>(
    step: StepFacts & {
      readonly ms: number;
      readonly expired?: () => Error;
      readonly signal?: AbortSignal | undefined;
    },
    promise: Promise<Value>,
  ): Promise<Value> {
    const { what, ms, signal, expired = () => engineErrors.overdue({ what, ms }) } = step;
    return this.during(step, withDeadline(this.#clock, promise, { ms, expired, signal }));
  }

  /** Shows a step until it is over; its deadline, if it has one, is kept by somebody else. */
  during<Value>(step: StepFacts, promise: Promise<Value>): Promise<Value> {
    return this.moving(step, () => promise);
  }

  /** The same for a step whose deadline moves with what is heard. */
  async moving<Value>({ ms, ...step }: StepFacts, work: (until: Until) => Promise<Value>): Promise<Value> {
    const sinceMs = this.#clock.nowMs();
    const shown: Step = { ...step, sinceMs, deadlineAtMs: ms === undefined ? undefined : sinceMs + ms };
    this.#steps.add(shown);
    this.#log?.trace({ container: step.uid, step: step.what }, 'step begins');
    const span = this.#tracer && this.#operationOn(step.uid)?.span?.begin(step.what);
    try {
      const value = await work((afterMs) => {
        shown.deadlineAtMs = this.#clock.nowMs() + afterMs;
      });
      span?.end();
      return value;
    } catch (error) {
      span?.end(error);
      throw error;
    } finally {
      this.#steps.delete(shown);
    }
  }

  /** Oldest first. Steps of no operation that is known are operations of their own, in the background. */
  list(): readonly OperationStatus[] {
    const operations = [...this.#running.values()].map((operation) => this.#statusOf(operation));
    const containers = new Set(operations.map(({ container }) => container));
    const alone = [...this.#steps].filter(
      ({ uid, operation }) => operation === undefined && (uid === undefined || !containers.has(uid)),
    );
    return [...operations, ...alone.map(backgroundOf)].sort((a, b) => a.sinceMs - b.sinceMs);
  }

  /**
   * Gives an operation up; it ends soon after, when it has taken back what it made.
   *
   * @throws {EngineError} `engine.unknownOperation` (not-found), `engine.notCancellable` (failed-precondition)
   */
  cancel(id: string): void {
    const operation = this.#running.get(id);
    if (operation === undefined) throw engineErrors.unknownOperation({ id });
    const { kind, cancel } = operation;
    const reason = NOT_CANCELLABLE[kind];
    if (reason !== undefined || cancel === undefined) {
      throw engineErrors.notCancellable({ id, operation: kind, reason: reason ?? 'it is nearly over' });
    }
    cancel(engineErrors.operationCancelled({ id, operation: kind }));
  }

  #begin(facts: OperationFacts): Running {
    this.#count += 1;
    const caller = this.#callers.current();
    // What is done in the background may be for another container than its request.
    if (caller !== undefined && facts.kind !== 'background') caller.container = facts.container ?? caller.container;
    const { kind, container, subject } = facts;
    const id = `op${this.#count}`;
    this.#log?.debug({ operation: id, kind, container, subject }, 'operation begins');
    const operation = {
      ...{ ...facts, id, note: undefined, span: this.#spanOf(facts, caller) },
      ...{ sinceMs: this.#clock.nowMs(), requestId: caller?.requestId },
    };
    this.#running.set(id, operation);
    return operation;
  }

  /** What follows from a request later, in the background, is a trace of its own with a link to it. */
  #spanOf({ kind, container, subject }: OperationFacts, caller: Caller | undefined): Span | undefined {
    const attributes = { 'isopod.operation': kind, 'isopod.container': container, 'isopod.subject': subject };
    if (this.#tracer === undefined || (caller !== undefined && caller.span === undefined)) return undefined;
    const isLater = kind === 'background' || kind === 'end';
    if (caller?.span !== undefined && !isLater) return caller.span.begin(kind, attributes);
    return this.#tracer.begin(kind, { kind: 'internal', cause: caller?.span, attributes });
  }

  /** The last that began: a step belongs to what was asked for last. */
  #operationOn(uid: string | undefined): Running | undefined {
    return uid === undefined ? undefined : [...this.#running.values()].findLast(({ container }) => container === uid);
  }

  #end({ id, kind, container, sinceMs }: Running, outcome: Outcome): void {
    this.#running.delete(id);
    const ms = Math.max(0, this.#clock.nowMs() - sinceMs);
    this.#total.increment(kind, outcome);
    this.#seconds.observe(ms / MS_PER_S, kind);
    this.#log?.debug({ operation: id, kind, container, outcome, ms }, 'operation is over');
  }

  #countOf(kind: OperationKind): number {
    return [...this.#running.values()].filter((operation) => operation.kind === kind).length;
  }

  #statusOf(running: Running): OperationStatus {
    const { id, kind, container, subject, note, sinceMs, requestId, cancel } = running;
    const isOf = ({ uid, operation }: Step): boolean =>
      operation === undefined ? uid !== undefined && uid === container : operation === running;
    const steps = [...this.#steps].filter(isOf).map(stepStatus);
    const isCancellable = NOT_CANCELLABLE[kind] === undefined && cancel !== undefined;
    return { id, kind, container, subject, note, sinceMs, requestId, isCancellable, steps };
  }
}

function backgroundOf(step: Step): OperationStatus {
  const { uid: container, sinceMs } = step;
  return {
    ...{ id: '', kind: 'background', container, subject: undefined, note: undefined, sinceMs, requestId: undefined },
    ...{ isCancellable: false, steps: [stepStatus(step)] },
  };
}

function stepStatus({ what, sinceMs, deadlineAtMs }: Step): StepStatus {
  return { what, sinceMs, deadlineAtMs };
}
