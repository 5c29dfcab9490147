import { restartPolicyText } from '../model/restart-policy.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';

/** @throws {EngineError} `engine.stillRunning`, `engine.restarting` (failed-precondition) */
export function checkRemovable({ uid, termination, state, restart, config }: Container): void {
  if (termination === undefined) throw engineErrors.stillRunning({ uid, state });
  if (restart.dueAtMs === undefined) return;
  throw engineErrors.restarting({ uid, policy: restartPolicyText(config.restart) });
}
