import type { ResourceChanges } from '../model/resource-changes.ts';
import type { RestartPolicy } from '../model/restart-policy.ts';
import type { ContainerStatus } from './facade.ts';
import type { EngineHost } from './host.ts';
import type { Restarts } from './restarts.ts';
import { updateContainer } from './update.ts';

/** What a caller wants of a container from now on. */
interface ChangeRequest {
  readonly id: string;
  readonly changes: ResourceChanges;
  readonly restart: RestartPolicy | undefined;
}

/**
 * Changes bounds and the restart policy of a container, the bounds first: a policy that cannot be is refused before, and
 * whatever else goes wrong leaves the policy as it was.
 *
 * @throws {EngineError} as `updateContainer`, `restart-policy.*`
 */
export async function changeContainer(
  host: EngineHost,
  restarts: Restarts,
  { id, changes, restart }: ChangeRequest,
): Promise<ContainerStatus> {
  const container = host.registry.get(id);
  if (restart === undefined) return updateContainer(host, container, changes);
  restarts.check(container, restart);
  if (Object.keys(changes).length > 0) await updateContainer(host, container, changes);
  return (await restarts.change(container.uid, restart)).status();
}
