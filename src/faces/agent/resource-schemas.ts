import { z } from 'zod';

const count = z.number().int().nonnegative();
const name = z.string().min(1).max(4096);
const list = z.string().min(1).max(4096);
const few = <Item extends z.ZodType>(item: Item) => z.array(item).max(1000).optional();

/** A list of entries, each of them with bounds: `some` may be left out, `one` may not. */
function lists<Some extends z.ZodType, One extends z.ZodType>(some: Some, one: One) {
  return {
    ioDevices: few(
      z.strictObject({
        device: name,
        blkioWeight: some,
        readBytesPerSecond: some,
        writeBytesPerSecond: some,
        readOperationsPerSecond: some,
        writeOperationsPerSecond: some,
      }),
    ),
    hugePages: few(z.strictObject({ pageSize: name, limitBytes: one })),
    rdma: few(z.strictObject({ device: name, handles: some, objects: some })),
    misc: few(z.strictObject({ name, limit: one })),
    networkPriorities: few(z.strictObject({ networkInterface: name, priority: one })),
  };
}

/** As Resources in model/resources.ts, which has the closer bounds. */
export const resourcesSchema = z.strictObject({
  memoryLimitBytes: count.optional(),
  memoryReservationBytes: count.optional(),
  memorySwapBytes: z.number().int().min(-1).optional(),
  memoryHighBytes: count.optional(),
  memorySwappiness: count.optional(),
  memoryOomGroup: z.boolean().optional(),
  oomKillDisabled: z.boolean().optional(),
  cpuMillis: count.optional(),
  cpuQuotaUs: count.optional(),
  cpuPeriodUs: count.optional(),
  cpuBurstUs: count.optional(),
  cpuShares: count.optional(),
  cpuWeight: count.optional(),
  cpuIdle: z.boolean().optional(),
  cpusetCpus: list.optional(),
  cpusetMems: list.optional(),
  pidsLimit: count.optional(),
  ioWeight: count.optional(),
  blkioWeight: count.optional(),
  netClassId: z.union([count, z.literal('auto')]).optional(),
  ...lists(count.optional(), count),
});

/** As ResourceChanges in model/resource-changes.ts: null takes a limit away. */
export const resourceChangesSchema = z.strictObject(
  Object.fromEntries(
    Object.entries({ ...resourcesSchema.shape, ...lists(count.nullable().optional(), count.nullable()) }).map(
      ([field, value]) => [field, value.nullable()],
    ),
  ),
);
