import { present } from '../../model/container-request.ts';
import type { DeviceChanges } from '../../model/device-changes.ts';
import type { ResourceChanges } from '../../model/resource-changes.ts';
import type { Resources } from '../../model/resources.ts';
import { parseRestartPolicy, type RestartPolicy } from '../../model/restart-policy.ts';
import type { AgentClient } from './agent-client.ts';
import { containerPath, forEach } from './container-commands.ts';
import type { CliContext } from './context.ts';
import { cliErrors } from './errors.ts';
import { type ResourceOptions, resourcesOf } from './resource-options.ts';
import { parseBytes, parseDevice } from './values.ts';

/** Options of `update`, as commander gives them. */
export interface UpdateOptions extends ResourceOptions {
  readonly deviceAdd?: readonly string[];
  readonly deviceRm?: readonly string[];
  readonly deviceCgroupRuleAdd?: readonly string[];
  readonly deviceCgroupRuleRm?: readonly string[];
  readonly disk?: string;
  readonly restart?: string;
}

/** `isopod update` */
export function updateCommand(
  context: CliContext,
  client: AgentClient,
  { ids, options }: { readonly ids: readonly string[]; readonly options: UpdateOptions },
): Promise<number> {
  const changes = changesOf(options);
  return forEach(context, ids, async (id) => {
    await client.call('POST', `${containerPath(id)}/update`, changes);
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

/** What each option that may be repeated says of an entry of its list, and what value says that there is to be none. */
const ENTRIES: Partial<
  Record<keyof ResourceOptions, { readonly name: string; readonly bound: string; readonly none: RegExp }>
> = {
  blkioWeightDevice: { name: 'device', bound: 'blkioWeight', none: /^(.+):(0|-1)$/ },
  deviceReadBps: { name: 'device', bound: 'readBytesPerSecond', none: /^(.+):(0|-1)$/ },
  deviceWriteBps: { name: 'device', bound: 'writeBytesPerSecond', none: /^(.+):(0|-1)$/ },
  deviceReadIops: { name: 'device', bound: 'readOperationsPerSecond', none: /^(.+):(0|-1)$/ },
  deviceWriteIops: { name: 'device', bound: 'writeOperationsPerSecond', none: /^(.+):(0|-1)$/ },
  hugetlb: { name: 'pageSize', bound: 'limitBytes', none: /^(.+):-1$/ },
  misc: { name: 'name', bound: 'limit', none: /^(.+):-1$/ },
  netPrio: { name: 'networkInterface', bound: 'priority', none: /^(.+):-1$/ },
};

/**
 * The body of an update: limits and devices that were named.
 *
 * @throws {EngineError} `cli.badValue`, `cli.noLimit` (invalid-argument)
 */
export function changesOf(options: UpdateOptions): {
  readonly resources: ResourceChanges;
  readonly devices?: DeviceChanges;
  readonly diskLimitBytes?: number;
  readonly restart?: RestartPolicy;
} {
  const { deviceAdd, deviceRm, deviceCgroupRuleAdd, deviceCgroupRuleRm, disk, restart, ...limits } = options;
  const devices: DeviceChanges = present({
    add: deviceAdd?.map((value) => parseDevice(value, '--device-add')),
    remove: deviceRm,
    addRules: deviceCgroupRuleAdd,
    removeRules: deviceCgroupRuleRm,
  });
  const resources = resourceChangesOf(limits);
  const isOther = Object.keys(devices).length > 0 || disk !== undefined || restart !== undefined;
  if (!isOther && Object.keys(resources).length === 0) throw cliErrors.noLimit();
  return {
    resources,
    ...(Object.keys(devices).length > 0 && { devices }),
    ...(disk !== undefined && { diskLimitBytes: parseBytes('--disk', disk) }),
    ...(restart !== undefined && { restart: parseRestartPolicy(restart) }),
  };
}

/** The limits that were named; null takes one away. */
function resourceChangesOf(options: ResourceOptions): ResourceChanges {
  const named = Object.entries(options) as readonly (readonly [keyof ResourceOptions, unknown])[];
  const cleared = named.filter(([option, value]) => takesAway(option, value));
  const others = named.filter(([option, value]) => !takesAway(option, value));
  const kept = others.map(([option, value]) => [option, withoutTaken(option, value)]);
  const changes: Record<string, unknown> = {
    ...Object.fromEntries(cleared.map(([option]) => [FIELD_OF[option], null])),
    ...resourcesOf(Object.fromEntries(kept.filter(([, value]) => !Array.isArray(value) || value.length > 0))),
  };
  for (const [field, entry] of others.flatMap(([option, value]) => takenEntries(option, value))) {
    changes[field] = [...((changes[field] ?? []) as readonly unknown[]), entry];
  }
  return changes;
}

function withoutTaken(option: keyof ResourceOptions, value: unknown): unknown {
  const none = ENTRIES[option]?.none;
  return Array.isArray(value) && none !== undefined ? value.filter((one) => !none.test(one)) : value;
}

/** Fields with entries whose bound is to go. */
function takenEntries(option: keyof ResourceOptions, value: unknown): readonly (readonly [keyof Resources, unknown])[] {
  const entry = ENTRIES[option];
  if (!Array.isArray(value) || entry === undefined) return [];
  const names = value.flatMap((one) => entry.none.exec(one)?.[1] ?? []);
  return names.map((name) => [FIELD_OF[option], { [entry.name]: name, [entry.bound]: null }]);
}

/** `0`, `-1`, the empty text and `--no-…` say that there is to be none, where they are no value of their own. */
function takesAway(option: keyof ResourceOptions, value: unknown): boolean {
  if (Array.isArray(value)) return value.every((one) => one === '');
  if (value === '0') return option !== 'memorySwappiness';
  if (value === '-1') return option !== 'memorySwap';
  return value === '' || value === false;
}
