import type { ContainerConfig } from '../model/container-config.ts';
import { secretsOf } from '../model/container-request.ts';
import type { HealthCheck } from '../model/health.ts';
import type { RestartPolicy } from '../model/restart-policy.ts';
import { engineErrors } from './errors.ts';
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

/** Whether anything but a caller could start it again: its policy, or its health check. */
export function mayRestart({
  config,
  healthCheck,
}: {
  readonly config: { readonly restart?: RestartPolicy };
  readonly healthCheck: HealthCheck | undefined;
}): boolean {
  return config.restart !== undefined || healthCheck?.onFailure === 'restart';
}

/** Whether it has another life in it at all, so that what its files need is kept: ids, for one. Pure. */
export function isStartable({
  config,
}: {
  readonly config: Pick<ContainerConfig, 'autoRemove' | 'parent' | 'volumes' | 'secretVariables'>;
}): boolean {
  return !config.autoRemove && config.parent === undefined && secretsOf(config).length === 0;
}

/** @throws {EngineError} `engine.notStartable` (failed-precondition) for one that has no other life in it */
export function checkStartable({ uid, config }: { readonly uid: string; readonly config: ContainerConfig }): void {
  const refuse = (why: string): never => {
    throw engineErrors.notStartable({ uid, why });
  };
  if (config.autoRemove) refuse('it is removed with its end (--rm)');
  if (config.parent !== undefined) refuse(`it lives in ${config.parent}, and whatever runs there may launch it again`);
  const [secret] = secretsOf(config);
  if (secret !== undefined) refuse(`its secret ${secret} was known only while it was launched`);
}
