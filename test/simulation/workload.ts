import type { Step } from '../../src/model/wire.ts';

/** What a container's command does, as its arguments say. */
export type Behaviour =
  | { readonly kind: 'exits'; readonly code: number; readonly afterMs: number }
  /** Runs until a signal ends it. */
  | { readonly kind: 'runs' }
  /** Runs until SIGKILL. */
  | { readonly kind: 'stubborn' }
  /** Is not there: exec fails. */
  | { readonly kind: 'missing' };

export function commandOf(behaviour: Behaviour): readonly string[] {
  if (behaviour.kind === 'exits') return ['exits', String(behaviour.code), String(behaviour.afterMs)];
  return [behaviour.kind];
}

/** @param childSteps of a launch; its `exec` step holds the command */
export function behaviourOf(childSteps: readonly Step[]): Behaviour {
  const exec = childSteps.find(({ op }) => op === 'exec');
  const [kind, code, afterMs] = (exec?.values.arguments ?? []) as readonly string[];
  if (kind === 'exits') return { kind, code: Number(code), afterMs: Number(afterMs) };
  if (kind === 'runs' || kind === 'stubborn' || kind === 'missing') return { kind };
  throw new Error(`no behaviour is called ${kind}`);
}
