import type { ContainerStatus, Engine } from './facade.ts';
import type { EngineHost } from './host.ts';
import type { Restarts } from './restarts.ts';
import { isNothing, updateContainer } from './update.ts';

/**
 * Changes bounds, devices and the restart policy of a container, the policy last: one that cannot be is refused before, and
 * whatever else goes wrong leaves the policy as it was.
 *
 * @throws {EngineError} as `updateContainer`, `restart-policy.*`
 */
export async function changeContainer(
  host: EngineHost,
  restarts: Restarts,
  [id, resources, { restart, diskLimitBytes, ...devices } = {}, { requestKey } = {}]: Parameters<Engine['update']>,
): Promise<ContainerStatus> {
  const container = host.registry.get(id);
  const request = { resources, devices, diskLimitBytes, requestKey };
  if (restart === undefined) return updateContainer(host, container, request);
  restarts.check(container, restart);
  if (!isNothing(request)) await updateContainer(host, container, request);
  return (await restarts.change(container.uid, restart)).status();
}
