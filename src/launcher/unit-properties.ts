import type { UnitProperty } from '../base/effects.ts';
import { ioWeightOfBfq } from '../linux/cgroup-values.ts';
import { CGROUP1 } from '../linux/cgroup1.ts';
import { CGROUP2 } from '../linux/cgroup2.ts';
import type { CgroupKnob, CgroupPlan } from '../model/launch-plan.ts';
import { parseNumberList } from '../model/number-list.ts';

/** systemd's "not set", and for bounds "infinity". */
const UNSET = 0xffff_ffff_ffff_ffffn;
const SECOND_US = 1_000_000;
/** What the kernel keeps for the groups below a scope is charged to it, and so is the process that holds it. */
const MEMORY_BESIDE_BYTES = 16 << 20;
const PROCESSES_BESIDE = 1;
/** The least that systemd takes; the kernel has no idle class for groups of v1 that systemd knew of. */
const LEAST_SHARES = 2;

type Knobs = ReadonlyMap<string, CgroupKnob>;

/**
 * The bounds of a container as properties of its scope, all of them, those that are not set too.
 *
 * They are those of the container's own group below the scope, which is where they are felt. In the scope they do what
 * works only between groups side by side (weights, protected memory), and tell whoever asks systemd. A bound of an amount
 * is wider by what is in the scope besides: it never binds first.
 *
 * @param version of the hierarchies that systemd sets limits in
 */
export function boundProperties(version: 1 | 2, cgroups: readonly CgroupPlan[]): readonly UnitProperty[] {
  const knobs = new Map<string, CgroupKnob>();
  for (const group of cgroups.filter((one) => one.version === version)) {
    for (const knob of group.knobs) knobs.set(`${knob.file} ${knob.entry ?? ''}`.trim(), knob);
  }
  return version === 2 ? properties2(knobs) : properties1(knobs);
}

function properties2(knobs: Knobs): readonly UnitProperty[] {
  return [
    number('CPUWeight', amount(knobs, CGROUP2.cpuIdle) === 1n ? 0n : amount(knobs, CGROUP2.cpuWeight)),
    ...bandwidth(textOf(knobs, CGROUP2.cpuMax)?.split(' ') ?? [], amount(knobs, CGROUP2.cpuMaxBurst)),
    number('MemoryLow', amount(knobs, CGROUP2.memoryLow) ?? 0n),
    number('MemoryHigh', wider(amount(knobs, CGROUP2.memoryHigh), MEMORY_BESIDE_BYTES)),
    number('MemoryMax', wider(amount(knobs, CGROUP2.memoryMax), MEMORY_BESIDE_BYTES)),
    number('MemorySwapMax', amount(knobs, CGROUP2.memorySwapMax)),
    number('TasksMax', wider(amount(knobs, CGROUP2.pidsMax), PROCESSES_BESIDE)),
    number('IOWeight', ioWeight(knobs)),
    ...deviceWeights(knobs),
    { name: 'AllowedCPUs', signature: 'ay', value: bits(textOf(knobs, CGROUP2.cpusetCpus)) },
    { name: 'AllowedMemoryNodes', signature: 'ay', value: bits(textOf(knobs, CGROUP2.cpusetMems)) },
  ];
}

/** Of cpuset systemd knows nothing in v1, and of swap neither. */
function properties1(knobs: Knobs): readonly UnitProperty[] {
  const shares = amount(knobs, CGROUP2.cpuIdle) === 1n ? BigInt(LEAST_SHARES) : amount(knobs, CGROUP1.cpuShares);
  const quota = textOf(knobs, CGROUP1.cpuQuota);
  const period = textOf(knobs, CGROUP1.cpuPeriod);
  const disk = amount(knobs, CGROUP1.bfqWeight) ?? amount(knobs, CGROUP1.cfqWeight);
  return [
    number('CPUShares', shares),
    ...bandwidth(quota === undefined ? [] : [quota, period ?? '100000'], amount(knobs, CGROUP1.cpuBurst)),
    number('MemoryMax', wider(amount(knobs, CGROUP1.memoryLimit), MEMORY_BESIDE_BYTES)),
    number('TasksMax', wider(amount(knobs, CGROUP2.pidsMax), PROCESSES_BESIDE)),
    number('BlockIOWeight', disk === undefined ? undefined : atLeast(disk, LEAST_BLOCK_WEIGHT)),
  ];
}

const LEAST_BLOCK_WEIGHT = 10n;

/**
 * Bounds that are at least as wide as each of two sets, for while groups below go from one to the other: v1 refuses a
 * quota above that of the group above. What is no bound is as in `after`.
 */
export function widerProperties(
  before: readonly UnitProperty[],
  after: readonly UnitProperty[],
): readonly UnitProperty[] {
  return after.map((property) => {
    const old = before.find(({ name }) => name === property.name);
    if (old === undefined || !BOUNDS.has(property.name)) return property;
    if (typeof property.value === 'bigint' && typeof old.value === 'bigint') {
      return old.value > property.value ? old : property;
    }
    return { ...property, value: union(old.value as readonly number[], property.value as readonly number[]) };
  });
}

const BOUNDS: ReadonlySet<string> = new Set([
  ...['CPUQuotaPerSecUSec', 'MemoryHigh', 'MemoryMax', 'MemorySwapMax', 'TasksMax'],
  ...['AllowedCPUs', 'AllowedMemoryNodes'],
]);

/** No list is no bound. */
function union(one: readonly number[], other: readonly number[]): readonly number[] {
  if (one.length === 0 || other.length === 0) return [];
  return Array.from({ length: Math.max(one.length, other.length) }, (_, at) => (one[at] ?? 0) | (other[at] ?? 0));
}

function number(name: string, value: bigint | undefined): UnitProperty {
  return { name, signature: 't', value: value ?? UNSET };
}

function textOf(knobs: Knobs, file: string): string | undefined {
  return knobs.get(file)?.value;
}

/** `undefined` for no bound: not set, `max`, or -1. */
function amount(knobs: Knobs, file: string): bigint | undefined {
  const text = textOf(knobs, file)?.replace(/^default /, '');
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined;
}

function wider(bound: bigint | undefined, by: number): bigint | undefined {
  return bound === undefined ? undefined : bound + BigInt(by);
}

function atLeast(value: bigint, least: bigint): bigint {
  return value < least ? least : value;
}

/** A burst may be used up in any second beside the quota. */
function bandwidth(
  [quota = 'max', period = '']: readonly string[],
  burstUs: bigint | undefined,
): readonly UnitProperty[] {
  const isBound = /^\d+$/.test(quota);
  const perSecondUs = Math.ceil(((Number(quota) + Number(burstUs ?? 0n)) * SECOND_US) / Number(period));
  return [
    number('CPUQuotaPerSecUSec', isBound ? BigInt(perSecondUs) : undefined),
    number('CPUQuotaPeriodUSec', isBound ? BigInt(period) : undefined),
  ];
}

function ioWeight(knobs: Knobs): bigint | undefined {
  const bfq = amount(knobs, CGROUP2.bfqWeight);
  return amount(knobs, CGROUP2.ioWeight) ?? (bfq === undefined ? undefined : BigInt(ioWeightOfBfq(Number(bfq))));
}

/** A list is added to what is there; an empty one empties it first. systemd names disks by path. */
function deviceWeights(knobs: Knobs): readonly UnitProperty[] {
  const weights = [...knobs.values()].flatMap(({ file, entry, value }) => {
    if (entry === undefined || (file !== CGROUP2.ioWeight && file !== CGROUP2.bfqWeight)) return [];
    const weight = Number(value.slice(entry.length + 1));
    return [[`/dev/block/${entry}`, BigInt(file === CGROUP2.bfqWeight ? ioWeightOfBfq(weight) : weight)]];
  });
  const property = (value: UnitProperty['value']): UnitProperty => ({
    name: 'IODeviceWeight',
    signature: 'a(st)',
    value,
  });
  return weights.length === 0 ? [property([])] : [property([]), property(weights)];
}

/** As systemd takes sets of CPUs: a bit for each, in bytes, the lowest first. */
function bits(list: string | undefined): readonly number[] {
  if (list === undefined) return [];
  const bytes: number[] = [];
  for (const index of parseNumberList('a list of the plan', list)) {
    const at = index >> 3;
    while (bytes.length <= at) bytes.push(0);
    bytes[at] = (bytes[at] ?? 0) | (1 << (index & 7));
  }
  return bytes;
}

/**
 * All that a scope is started with. What is not set, and is not by systemd's own defaults, is left out: it complains of
 * older properties even then.
 */
export function startProperties(
  version: 1 | 2,
  names: { readonly slice: string; readonly description: string },
  cgroups: readonly CgroupPlan[],
): readonly UnitProperty[] {
  const isSaid = ({ name, value }: UnitProperty): boolean =>
    name === 'TasksMax' || (value !== UNSET && !(Array.isArray(value) && value.length === 0));
  return [...scopeProperties(version, names), ...boundProperties(version, cgroups).filter(isSaid)];
}

/** How a container's scope differs from any other, besides its bounds. */
function scopeProperties(
  version: 1 | 2,
  { slice, description }: { readonly slice: string; readonly description: string },
): readonly UnitProperty[] {
  const text = (name: string, value: string): UnitProperty => ({ name, signature: 's', value });
  const yes = (name: string): UnitProperty => ({ name, signature: 'b', value: true });
  return [
    text('Description', description),
    text('Slice', slice),
    text('CollectMode', 'inactive-or-failed'),
    ...['Delegate', 'CPUAccounting', 'MemoryAccounting', 'TasksAccounting'].map(yes),
    ...(version === 2 ? [yes('IOAccounting')] : [yes('BlockIOAccounting'), ...ALL_DEVICES_V1]),
  ];
}

/**
 * In v1 delegation is of cpu, memory and pids alone. systemd moves the processes of a slice out of their groups of any other
 * controller when its need of that controller begins or ends; a scope that needs it from the first to the last keeps
 * that from happening (systemd, unit_update_cgroup). What the container may do with devices is in its own group below.
 */
const ALL_DEVICES_V1: readonly UnitProperty[] = [
  { name: 'DevicePolicy', signature: 's', value: 'strict' },
  {
    name: 'DeviceAllow',
    signature: 'a(ss)',
    value: [
      ['char-*', 'rwm'],
      ['block-*', 'rwm'],
    ],
  },
];
