import type { ResourceChanges } from '../../model/resource-changes.ts';
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

/** The field that each option sets. */
const FIELD_OF: Readonly<Record<keyof ResourceOptions, keyof Resources>> = {
  memory: 'memoryLimitBytes',
  memoryReservation: 'memoryReservationBytes',
  memorySwap: 'memorySwapBytes',
  memoryHigh: 'memoryHighBytes',
  memorySwappiness: 'memorySwappiness',
  memoryOomGroup: 'memoryOomGroup',
  oomKillDisable: 'oomKillDisabled',
  cpus: 'cpuMillis',
  cpuShares: 'cpuShares',
  cpuWeight: 'cpuWeight',
  cpuPeriod: 'cpuPeriodUs',
  cpuQuota: 'cpuQuotaUs',
  cpuBurst: 'cpuBurstUs',
  cpuIdle: 'cpuIdle',
  cpusetCpus: 'cpusetCpus',
  cpusetMems: 'cpusetMems',
  pidsLimit: 'pidsLimit',
  ioWeight: 'ioWeight',
  blkioWeight: 'blkioWeight',
  blkioWeightDevice: 'ioDevices',
  deviceReadBps: 'ioDevices',
  deviceWriteBps: 'ioDevices',
  deviceReadIops: 'ioDevices',
  deviceWriteIops: 'ioDevices',
  hugetlb: 'hugePages',
  rdma: 'rdma',
  misc: 'misc',
  netCls: 'netClassId',
  netPrio: 'networkPriorities',
};

/**
 * The limits that were named; null takes one away.
 *
 * @throws {EngineError} `cli.badValue`, `cli.noLimit` (invalid-argument)
 */
export function resourceChangesOf(options: ResourceOptions): ResourceChanges {
  const named = Object.entries(options) as readonly (readonly [keyof ResourceOptions, unknown])[];
  const kept = Object.fromEntries(named.filter(([option, value]) => !takesAway(option, value)));
  const cleared = Object.fromEntries(
    named.filter(([option, value]) => takesAway(option, value)).map(([option]) => [FIELD_OF[option], null]),
  );
  const changes: ResourceChanges = { ...cleared, ...resourcesOf(kept) };
  if (Object.keys(changes).length === 0) throw cliErrors.noLimit();
  return changes;
}

/** `0`, `-1`, the empty text and `--no-…` say that there is to be none, where they are no value of their own. */
function takesAway(option: keyof ResourceOptions, value: unknown): boolean {
  if (Array.isArray(value)) return value.every((one) => one === '');
  if (value === '0') return option !== 'memorySwappiness';
  if (value === '-1') return option !== 'memorySwap';
  return value === '' || value === false;
}
