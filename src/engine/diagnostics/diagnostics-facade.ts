import type { MetricFamily } from '../../base/metrics.ts';
import type { OperationKind } from './operation-kinds.ts';

/** Something that is waited for. */
export interface StepStatus {
  readonly what: string;
  readonly sinceMs: number;
  /** When whoever waits gives up; absent where only the disk could keep us waiting. */
  readonly deadlineAtMs: number | undefined;
}

/** Something that the engine is doing at this moment. */
export interface OperationStatus {
  /** Names it in `cancel`; empty for a step that belongs to no operation. */
  readonly id: string;
  readonly kind: OperationKind;
  /** Uid of the container that it is about. */
  readonly container: string | undefined;
  /** What else it is about: a reference, what is done in the background. */
  readonly subject: string | undefined;
  /** Where it is, in words. */
  readonly note: string | undefined;
  readonly sinceMs: number;
  /** Of the request that it is done for. */
  readonly requestId: string | undefined;
  readonly isCancellable: boolean;
  /** What is waited for now, side by side. */
  readonly steps: readonly StepStatus[];
}

/** A record of a container that cannot be read; docs/crashes.md says what becomes of that. */
export interface DamagedRecord {
  readonly file: string;
  readonly container: string | undefined;
  readonly reason: string;
  /** When it was found. */
  readonly atMs: number;
}

/** What the engine tells of itself. */
export interface Diagnostics {
  /** All metrics at this moment, those of whoever shares the registry among them. */
  metrics(): readonly MetricFamily[];
  /** What is under way, oldest first. */
  operations(): readonly OperationStatus[];
  /** Records that could not be read since the engine was opened. */
  damagedRecords(): readonly DamagedRecord[];
  /**
   * Gives an operation up: a launch, a pull, the start of a session. What it made is taken back.
   *
   * @throws not-found; failed-precondition with the reason for one that must not be broken off
   */
  cancel(id: string): void;
}
