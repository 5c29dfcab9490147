import type { OtherChanges } from '../model/other-changes.ts';
import type { ResourceChanges } from '../model/resource-changes.ts';
import type { ContainerStatus } from './facade.ts';
import type { EngineHost } from './host.ts';
import type { Restarts } from './restarts.ts';
import { isNothing, updateContainer } from './update.ts';

/** What a caller wants of a container from now on. */
interface ChangeRequest {
  readonly id: string;
  readonly resources: ResourceChanges;
  readonly others: OtherChanges;
}

/**
 * Changes bounds, devices and the restart policy of a container, the policy last: one that cannot be is refused before, and
 * whatever else goes wrong leaves the policy as it was.
 *
 * @throws {EngineError} as `updateContainer`, `restart-policy.*`
 */
export async function changeContainer(
  host: EngineHost,
  restarts: Restarts,
  { id, resources, others: { restart, diskLimitBytes, ...devices } }: ChangeRequest,
): Promise<ContainerStatus> {
  const container = host.registry.get(id);
  const request = { resources, devices, diskLimitBytes };
  if (restart === undefined) return updateContainer(host, container, request);
  restarts.check(container, restart);
  if (!isNothing(request)) await updateContainer(host, container, request);
  return (await restarts.change(container.uid, restart)).status();
}
