import type { Termination } from '../model/exit-status.ts';
import type { Container } from './container.ts';
import { nextRestart, type RestartEvent } from './restart-decision.ts';
import { mayRestart } from './restart-status.ts';

/** Whether another life follows its end, decided already or not. Pure. */
export function willStartAgain(container: Container): boolean {
  const { restart, termination, config, isRemoving } = container;
  if (isRemoving || termination === undefined) return false;
  if (restart.dueAtMs !== undefined || restart.isAsked === true) return true;
  if (!mayRestart(container)) return false;
  const event = endOf(container, termination);
  return nextRestart(config.restart, restart, { event, nowMs: 0 }).dueAtMs !== undefined;
}

/** How the end of a container counts for its restarts. Pure. */
export function endOf(
  container: Container,
  termination: Termination,
): Extract<RestartEvent, { readonly kind: 'ended' }> {
  const { startedAtMs, finishedAtMs: atMs } = termination;
  const isForced = container.unhealthyEnd === 'restart';
  return { kind: 'ended', failed: hasFailed(container), isForced, startedAtMs, atMs };
}

/** By docker's word: an end with another exit code than 0. Whoever was killed, or never seen to end, has failed too. */
export function hasFailed({ termination, unhealthyEnd }: Container): boolean {
  if (unhealthyEnd !== undefined) return true;
  const status = termination?.exitStatus;
  return status === undefined || status.kind !== 'exited' || status.code !== 0;
}
