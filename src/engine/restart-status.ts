import type { HealthCheck } from '../model/health.ts';
import type { RestartPolicy } from '../model/restart-policy.ts';
import type { RestartStatus } from './facade.ts';
import type { RestartState } from './restart-decision.ts';

/** What callers are told of the restarts of a container. Pure. */
export function restartStatusOf({
  config,
  restart,
}: {
  readonly config: { readonly restart?: RestartPolicy };
  readonly restart: RestartState;
}): RestartStatus {
  const { count, isStopped, dueAtMs } = restart;
  return { policy: config.restart ?? { kind: 'no' }, count, isStopped, nextAttemptAtMs: dueAtMs };
}

/** Whether anything could start it again: its policy, or its health check. */
export function mayRestart({
  config,
  healthCheck,
}: {
  readonly config: { readonly restart?: RestartPolicy };
  readonly healthCheck: HealthCheck | undefined;
}): boolean {
  return config.restart !== undefined || healthCheck?.onFailure === 'restart';
}
