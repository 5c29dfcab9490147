import { defineErrors } from './error.ts';
import type { DeviceLimits, Resources } from './resources.ts';

export const resourceErrors = defineErrors('resources', {
  tooSmall: {
    kind: 'invalid-argument',
    message: (d: { field: string; value: number; least: number; why: string }) =>
      `${d.field} ${d.value} is not a whole number of at least ${d.least}: ${d.why}`,
  },
  outOfRange: {
    kind: 'invalid-argument',
    message: (d: { field: string; value: number; least: number; most: number }) =>
      `${d.field} ${d.value} is not a whole number from ${d.least} to ${d.most}`,
  },
  excludes: {
    kind: 'invalid-argument',
    message: (d: { one: string; other: string; why: string }) => `${d.one} and ${d.other} exclude each other: ${d.why}`,
  },
  needs: {
    kind: 'invalid-argument',
    message: (d: { field: string; needed: string; why: string }) => `${d.field} needs ${d.needed}: ${d.why}`,
  },
  beyond: {
    kind: 'invalid-argument',
    message: (d: { field: string; value: number; other: string; bound: number }) =>
      `${d.field} ${d.value} is more than ${d.other} ${d.bound}`,
  },
  below: {
    kind: 'invalid-argument',
    message: (d: { field: string; value: number; other: string; bound: number }) =>
      `${d.field} ${d.value} is less than ${d.other} ${d.bound}`,
  },
  malformedName: {
    kind: 'invalid-argument',
    message: (d: { field: string; name: string; wanted: string }) =>
      `${d.field} ${JSON.stringify(d.name)} is not ${d.wanted}`,
  },
  twice: {
    kind: 'invalid-argument',
    message: (d: { field: string; name: string }) => `${d.field} ${d.name} is limited twice`,
  },
  tooMany: {
    kind: 'invalid-argument',
    message: (d: { field: string; count: number; most: number }) =>
      `${d.count} ${d.field} are limited, and at most ${d.most} may be`,
  },
});

type Numbers = { [Field in keyof Resources]-?: NonNullable<Resources[Field]> extends number ? Field : never };
type NumberField = Numbers[keyof Resources];

/** The largest bound of bytes or operations that is exact in a JavaScript number and fits the kernel's counters. */
const MOST = Number.MAX_SAFE_INTEGER;
const MAX_ENTRIES = 100;

const LEAST_MEMORY = { least: 4 << 20, why: 'the kernel kills a program in less before it has started' };

/** Single values with the least that makes sense, and why. */
const LEAST: Readonly<Partial<Record<NumberField, { field: string; least: number; why: string }>>> = {
  memoryLimitBytes: { field: 'memory limit in bytes', ...LEAST_MEMORY },
  memoryReservationBytes: {
    field: 'memory reservation in bytes',
    least: 1,
    why: 'none at all is said by leaving it out',
  },
  memoryHighBytes: { field: 'memory throttle limit in bytes', ...LEAST_MEMORY },
  cpuMillis: {
    field: 'cpu limit in thousandths',
    least: 10,
    why: 'the kernel divides time into 100 ms and gives at least 1 ms of it',
  },
  pidsLimit: { field: 'pids limit', least: 1, why: 'the command itself is a process' },
};

/** Ranges that the kernel takes (kernel/sched/core.c, mm/memcontrol.c, block/bfq-cgroup.c; Docker's for blkio). */
const RANGES: Readonly<Partial<Record<NumberField, { field: string; least: number; most: number }>>> = {
  memorySwappiness: { field: 'swappiness', least: 0, most: 100 },
  cpuQuotaUs: { field: 'cpu quota in microseconds', least: 1000, most: 2 ** 44 },
  cpuPeriodUs: { field: 'cpu period in microseconds', least: 1000, most: 1_000_000 },
  cpuBurstUs: { field: 'cpu burst in microseconds', least: 0, most: 2 ** 44 },
  cpuShares: { field: 'cpu shares', least: 2, most: 262_144 },
  cpuWeight: { field: 'cpu weight', least: 1, most: 10_000 },
  ioWeight: { field: 'io weight', least: 1, most: 10_000 },
  blkioWeight: { field: 'blkio weight', least: 10, most: 1000 },
};

const DEVICE_RANGES: readonly (readonly [Exclude<keyof DeviceLimits, 'device'>, string, number, number])[] = [
  ['blkioWeight', 'blkio weight', 10, 1000],
  ['readBytesPerSecond', 'bytes read a second', 1, MOST],
  ['writeBytesPerSecond', 'bytes written a second', 1, MOST],
  // The kernel counts operations in 32 bits (block/blk-throttle.c).
  ['readOperationsPerSecond', 'reads a second', 1, 2 ** 32 - 1],
  ['writeOperationsPerSecond', 'writes a second', 1, 2 ** 32 - 1],
];

/** Single values, then how they go together. @throws {EngineError} `resources.*` (invalid-argument) */
export function checkResources(resources: Resources): void {
  for (const [name, bound] of Object.entries(LEAST)) checkLeast(bound, resources[name as NumberField]);
  for (const [name, range] of Object.entries(RANGES)) checkRange(range, resources[name as NumberField]);
  checkCpu(resources);
  checkMemory(resources);
  if (resources.ioWeight !== undefined && resources.blkioWeight !== undefined) {
    throw resourceErrors.excludes({ one: 'an io weight', other: 'a blkio weight', why: 'they say the same' });
  }
  checkDevices(resources.ioDevices ?? []);
  checkNamed(resources);
}

function checkCpu({ cpuMillis, cpuQuotaUs, cpuPeriodUs, cpuBurstUs, cpuShares, cpuWeight, cpuIdle }: Resources): void {
  if (cpuMillis !== undefined && (cpuQuotaUs !== undefined || cpuPeriodUs !== undefined)) {
    throw resourceErrors.excludes({ one: 'a cpu limit', other: 'a cpu quota or period', why: 'they say the same' });
  }
  if (cpuShares !== undefined && cpuWeight !== undefined) {
    throw resourceErrors.excludes({ one: 'cpu shares', other: 'a cpu weight', why: 'they say the same' });
  }
  if (cpuIdle === true && (cpuShares !== undefined || cpuWeight !== undefined)) {
    const why = 'an idle container has the least weight there is';
    throw resourceErrors.excludes({ one: 'an idle cpu', other: 'cpu shares or a weight', why });
  }
  if (cpuBurstUs === undefined) return;
  const quotaUs = cpuQuotaUs ?? (cpuMillis === undefined ? undefined : cpuMillis * 100);
  if (quotaUs === undefined) {
    throw resourceErrors.needs({ field: 'a cpu burst', needed: 'a cpu limit', why: 'it is unused quota' });
  }
  if (cpuBurstUs > quotaUs) {
    throw resourceErrors.beyond({ field: 'the cpu burst', value: cpuBurstUs, other: 'the quota', bound: quotaUs });
  }
}

function checkMemory(resources: Resources): void {
  const { memoryLimitBytes: limit, memorySwapBytes, memoryReservationBytes, memoryHighBytes } = resources;
  if (memorySwapBytes !== undefined) {
    if (limit === undefined) {
      const why = 'it counts memory and swap together';
      throw resourceErrors.needs({ field: 'a bound of memory and swap', needed: 'a memory limit', why });
    }
    const field = 'memory and swap together in bytes';
    if (!Number.isSafeInteger(memorySwapBytes)) checkRange({ field, least: -1, most: MOST }, memorySwapBytes);
    if (memorySwapBytes !== -1 && memorySwapBytes < limit) {
      throw resourceErrors.below({ field, value: memorySwapBytes, other: 'the memory limit', bound: limit });
    }
  }
  for (const [field, value] of [
    ['the memory reservation', memoryReservationBytes],
    ['the memory throttle limit', memoryHighBytes],
  ] as const) {
    if (limit !== undefined && value !== undefined && value > limit) {
      throw resourceErrors.beyond({ field, value, other: 'the memory limit', bound: limit });
    }
  }
  if (resources.oomKillDisabled === true && limit === undefined) {
    const why = 'else the host itself runs out of memory and nothing is ended';
    throw resourceErrors.needs({ field: 'the OOM killer switched off', needed: 'a memory limit', why });
  }
}

function checkDevices(devices: readonly DeviceLimits[]): void {
  checkEach('block devices', devices, ({ device }) => device);
  for (const limits of devices) {
    for (const [name, field, least, most] of DEVICE_RANGES) {
      checkRange({ field: `${field} of ${limits.device}`, least, most }, limits[name]);
    }
  }
}

function checkNamed({ hugePages = [], rdma = [], misc = [], networkPriorities = [], netClassId }: Resources): void {
  checkEach('huge page sizes', hugePages, ({ pageSize }) => pageSize);
  for (const { pageSize, limitBytes } of hugePages) {
    checkName('huge page size', pageSize, { pattern: /^[1-9]\d{0,5}[KMG]B$/, wanted: 'a size such as 2MB or 1GB' });
    checkRange({ field: `bytes of huge pages of ${pageSize}`, least: 0, most: MOST }, limitBytes);
  }
  const word = { pattern: /^[\w.:-]{1,64}$/, wanted: 'a name of letters, digits and _.:-' };
  checkEach('RDMA devices', rdma, ({ device }) => device);
  for (const { device, handles, objects } of rdma) {
    checkName('RDMA device', device, word);
    checkRange({ field: `handles of ${device}`, least: 0, most: 2 ** 31 - 1 }, handles);
    checkRange({ field: `objects of ${device}`, least: 0, most: 2 ** 31 - 1 }, objects);
  }
  checkEach('miscellaneous resources', misc, ({ name }) => name);
  for (const { name, limit } of misc) {
    checkName('resource', name, word);
    checkRange({ field: `limit of ${name}`, least: 0, most: MOST }, limit);
  }
  checkEach('network interfaces', networkPriorities, ({ networkInterface }) => networkInterface);
  for (const { networkInterface, priority } of networkPriorities) {
    checkName('network interface', networkInterface, {
      pattern: /^[^\s/]{1,15}$/,
      wanted: 'an interface such as eth0',
    });
    checkRange({ field: `priority on ${networkInterface}`, least: 0, most: 2 ** 32 - 1 }, priority);
  }
  if (netClassId !== 'auto') checkRange({ field: 'network class', least: 1, most: 2 ** 32 - 1 }, netClassId);
}

function checkLeast(bound: { field: string; least: number; why: string }, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= bound.least)) return;
  throw resourceErrors.tooSmall({ value, ...bound });
}

function checkRange(range: { field: string; least: number; most: number }, value: number | undefined): void {
  if (value === undefined) return;
  if (Number.isSafeInteger(value) && value >= range.least && value <= range.most) return;
  throw resourceErrors.outOfRange({ value, ...range });
}

function checkName(field: string, name: string, { pattern, wanted }: { pattern: RegExp; wanted: string }): void {
  if (!pattern.test(name)) throw resourceErrors.malformedName({ field, name, wanted });
}

/** Bounded, and each once. */
function checkEach<Item>(field: string, items: readonly Item[], nameOf: (item: Item) => string): void {
  if (items.length > MAX_ENTRIES) throw resourceErrors.tooMany({ field, count: items.length, most: MAX_ENTRIES });
  const seen = new Set<string>();
  for (const name of items.map(nameOf)) {
    if (seen.has(name)) throw resourceErrors.twice({ field, name });
    seen.add(name);
  }
}
