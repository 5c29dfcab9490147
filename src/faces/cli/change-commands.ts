import type { Resources } from '../../model/resources.ts';
import type { AgentClient } from './agent-client.ts';
import { containerPath, forEach } from './container-commands.ts';
import type { CliContext } from './context.ts';
import { cliErrors } from './errors.ts';
import { type ResourceOptions, resourcesOf } from './resource-options.ts';

/** `isopod update` */
export function updateCommand(
  context: CliContext,
  client: AgentClient,
  { ids, options }: { readonly ids: readonly string[]; readonly options: ResourceOptions },
): Promise<number> {
  const resources = resourceChangesOf(options);
  return forEach(context, ids, async (id) => {
    await client.call('POST', `${containerPath(id)}/update`, { resources });
    return id;
  });
}

/** `isopod pause`, `isopod unpause` */
export function pauseCommand(
  context: CliContext,
  client: AgentClient,
  { ids, action }: { readonly ids: readonly string[]; readonly action: 'pause' | 'unpause' },
): Promise<number> {
  return forEach(context, ids, async (id) => {
    await client.call('POST', `${containerPath(id)}/${action}`);
    return id;
  });
}

/**
 * The limits that were named; null takes one away.
 *
 * @throws {EngineError} `cli.badValue`, `cli.noLimit` (invalid-argument)
 */
export function resourceChangesOf(options: ResourceOptions): Readonly<Record<string, unknown>> {
  const entries = Object.entries(options) as [keyof ResourceOptions, unknown][];
  const isTaken = ([name, value]: (typeof entries)[number]): boolean =>
    name in FIELDS && (value === '0' || (value === '-1' && name !== 'memorySwap'));
  const taken = entries.filter(isTaken).map(([name]) => [FIELDS[name], null]);
  const given = resourcesOf(Object.fromEntries(entries.filter((entry) => !isTaken(entry))));
  const changes = { ...given, ...Object.fromEntries(taken) };
  if (Object.keys(changes).length === 0) throw cliErrors.noLimit();
  return changes;
}

/** The limits that `0` and `-1` take away; `--memory-swap -1` is a limit of its own: none of swap. */
const FIELDS: Partial<Record<keyof ResourceOptions, keyof Resources>> = {
  memory: 'memoryLimitBytes',
  memoryReservation: 'memoryReservationBytes',
  memorySwap: 'memorySwapBytes',
  memoryHigh: 'memoryHighBytes',
  memorySwappiness: 'memorySwappiness',
  cpus: 'cpuMillis',
  cpuShares: 'cpuShares',
  cpuWeight: 'cpuWeight',
  cpuPeriod: 'cpuPeriodUs',
  cpuQuota: 'cpuQuotaUs',
  cpuBurst: 'cpuBurstUs',
  pidsLimit: 'pidsLimit',
  ioWeight: 'ioWeight',
  blkioWeight: 'blkioWeight',
};
