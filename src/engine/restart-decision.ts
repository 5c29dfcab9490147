import type { RestartPolicy } from '../model/restart-policy.ts';
import type { RequestMark } from './request-mark.ts';

/** As docker's: a tenth of a second, doubled with each end that comes too soon, a minute at most. */
export const BACK_OFF = { firstMs: 100, lastMs: 60_000, wellMs: 10_000 } as const;

/** What is known of the restarts of one container; on disk beside its record. */
export interface RestartState {
  /** How often it was started again, or is about to be. */
  readonly count: number;
  /** Restarts in a row before which it had not run well. */
  readonly streak: number;
  /** Somebody has stopped it, so an end is what was wanted. */
  readonly isStopped: boolean;
  /** When the end came that was decided about last: one end is decided about once, whoever hears of it again. */
  readonly decidedAtMs?: number | undefined;
  /** It waits to be started again, at this moment. */
  readonly dueAtMs?: number | undefined;
  /** Somebody wants it to be started once it has ended, whatever the policy. */
  readonly isAsked?: boolean | undefined;
  /** By which request. Its next life is begun for that one, whatever begins it. */
  readonly askedFor?: RequestMark | undefined;
}

export const NEVER_RESTARTED: RestartState = { count: 0, streak: 0, isStopped: false };

export type RestartEvent =
  /** Its process has ended, or did not come to be. `failed`: badly, by docker's word an exit code other than 0. */
  | {
      readonly kind: 'ended';
      readonly failed: boolean;
      /** It was ended to be started again, whatever the policy. */
      readonly isForced?: boolean;
      readonly startedAtMs?: number | undefined;
      readonly atMs: number;
    }
  /** Somebody wants it started: at once, or when it has ended; `endedAtMs` when it does not run. */
  | {
      readonly kind: 'asked';
      readonly endedAtMs?: number | undefined;
      readonly askedFor?: RequestMark | undefined;
    }
  /** Somebody asked for its end, before that came or while it waits to be started again. */
  | { readonly kind: 'stopped' }
  /** It has another policy now; `endedAtMs` when it does not run. */
  | { readonly kind: 'changed'; readonly endedAtMs?: number | undefined }
  /** The host was started since it ended, at `endedAtMs`. */
  | { readonly kind: 'booted'; readonly failed: boolean; readonly endedAtMs: number };

/** What follows an event. Pure: the engine remembers the result, and acts when `dueAtMs` has come. */
export function nextRestart(
  policy: RestartPolicy | undefined,
  state: RestartState,
  { event, nowMs }: { readonly event: RestartEvent; readonly nowMs: number },
): RestartState {
  switch (event.kind) {
    case 'ended':
      return state.decidedAtMs === event.atMs ? state : afterEnd(policy, state, { event, nowMs });
    case 'stopped':
      return { ...state, isStopped: true, dueAtMs: undefined, isAsked: undefined, askedFor: undefined };
    case 'asked':
      return afterWish(event, nowMs);
    case 'changed':
      return afterChange(policy, state, event.endedAtMs);
    case 'booted':
      return afterBoot(policy, state, { event, nowMs });
  }
}

function afterEnd(
  policy: RestartPolicy | undefined,
  state: RestartState,
  { event, nowMs }: { readonly event: Extract<RestartEvent, { kind: 'ended' }>; readonly nowMs: number },
): RestartState {
  const decided = { ...state, decidedAtMs: event.atMs, dueAtMs: undefined, isAsked: undefined };
  // A wish is for the first end that is decided about; a record may still tell of one that was carried out.
  if (state.isAsked === true && state.decidedAtMs === undefined) return { ...decided, isAsked: true, dueAtMs: nowMs };
  if (state.isStopped || !(event.isForced === true || isWanted(policy, state, event.failed))) return decided;
  const { startedAtMs, atMs } = event;
  const ranWell = startedAtMs !== undefined && atMs - startedAtMs >= BACK_OFF.wellMs;
  const streak = ranWell ? 0 : state.streak;
  return { ...decided, count: state.count + 1, streak: streak + 1, dueAtMs: nowMs + backOffMs(streak) };
}

/** As of docker, what was counted is forgotten: this is a beginning. */
function afterWish({ endedAtMs, askedFor }: Extract<RestartEvent, { kind: 'asked' }>, nowMs: number): RestartState {
  const begun = { ...NEVER_RESTARTED, isAsked: true, ...(askedFor && { askedFor }) };
  return endedAtMs === undefined ? begun : { ...begun, decidedAtMs: endedAtMs, dueAtMs: nowMs };
}

/** `always` is meant for each boot anew, whatever somebody has stopped in an earlier one. */
function afterBoot(
  policy: RestartPolicy | undefined,
  state: RestartState,
  { event, nowMs }: { readonly event: Extract<RestartEvent, { kind: 'booted' }>; readonly nowMs: number },
): RestartState {
  const decided = { ...state, decidedAtMs: event.endedAtMs, isAsked: undefined };
  const isStopped = policy?.kind === 'always' ? false : state.isStopped;
  if (isStopped || !isWanted(policy, state, event.failed)) return { ...decided, dueAtMs: undefined };
  // What was due already was counted then.
  const count = state.dueAtMs === undefined ? state.count + 1 : state.count;
  return { ...decided, isStopped, count, streak: 1, dueAtMs: nowMs };
}

/** A policy is for the ends to come; one that is waiting goes on to wait only if it still would. */
function afterChange(
  policy: RestartPolicy | undefined,
  state: RestartState,
  endedAtMs: number | undefined,
): RestartState {
  const decided = endedAtMs === undefined ? state : { ...state, decidedAtMs: endedAtMs };
  if (
    state.dueAtMs === undefined ||
    state.isAsked === true ||
    isWanted(policy, { ...state, count: state.count - 1 }, true)
  )
    return decided;
  return { ...decided, dueAtMs: undefined };
}

function isWanted(policy: RestartPolicy | undefined, { count }: RestartState, failed: boolean): boolean {
  switch (policy?.kind) {
    case 'always':
    case 'unless-stopped':
      return true;
    case 'on-failure':
      return failed && (policy.maximum === undefined || count < policy.maximum);
    default:
      return false;
  }
}

/** It runs: what was due has been done, and the end to come is none that was decided about. */
export function inNextLife({ count, streak, isStopped }: RestartState): RestartState {
  return { count, streak, isStopped };
}

/**
 * It runs on with the next engine. A wish for its next life was that of a caller of the last engine, who is to ask again; one that is
 * begun before he does is his.
 */
export function inSameLife(state: RestartState): RestartState {
  return { ...inNextLife(state), ...(state.askedFor && { askedFor: state.askedFor }) };
}

/** @param streak restarts in a row so far that came too soon */
export function backOffMs(streak: number): number {
  return Math.min(BACK_OFF.firstMs * 2 ** Math.min(streak, 30), BACK_OFF.lastMs);
}
