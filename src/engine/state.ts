import { strict as assert } from 'node:assert';
import type { ContainerState } from './facade.ts';

/** Where a container may go from each state; `terminated` is the end (what follows is removal of the record). */
const NEXT: Readonly<Record<ContainerState, readonly ContainerState[]>> = {
  provisioning: ['preparing', 'destroying'],
  preparing: ['isolating', 'destroying'],
  isolating: ['fetching', 'prepared', 'running', 'destroying'],
  fetching: ['prepared', 'running', 'destroying'],
  prepared: ['running', 'destroying'],
  running: ['paused', 'destroying', 'terminated'],
  paused: ['running', 'destroying', 'terminated'],
  destroying: ['terminated'],
  terminated: [],
};

/** Whether this step is one of a container's life. */
export function isLegalTransition(from: ContainerState, to: ContainerState): boolean {
  return NEXT[from].includes(to);
}

/** @returns `to`; an illegal step is a bug of ours and fails an assertion */
export function transition(from: ContainerState, to: ContainerState): ContainerState {
  assert(isLegalTransition(from, to), `container state ${from} is never followed by ${to}`);
  return to;
}

/** Whether a launch is still under way: nothing was acknowledged to its caller. */
export function isLaunching(state: ContainerState): boolean {
  return !isAlive(state) && state !== 'terminated';
}

/** Whether a launch was acknowledged and the end has not been seen: there is a process. */
export function isAlive(state: ContainerState): boolean {
  return state === 'running' || state === 'paused' || state === 'destroying';
}
