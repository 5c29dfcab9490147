import { z } from 'zod';

const count = z.number().int().nonnegative();
const name = z.string().min(1).max(4096);
const list = z.string().min(1).max(4096);
const few = <Item extends z.ZodType>(item: Item) => z.array(item).max(1000).optional();

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
  ioDevices: few(
    z.strictObject({
      device: name,
      blkioWeight: count.optional(),
      readBytesPerSecond: count.optional(),
      writeBytesPerSecond: count.optional(),
      readOperationsPerSecond: count.optional(),
      writeOperationsPerSecond: count.optional(),
    }),
  ),
  hugePages: few(z.strictObject({ pageSize: name, limitBytes: count })),
  rdma: few(z.strictObject({ device: name, handles: count.optional(), objects: count.optional() })),
  misc: few(z.strictObject({ name, limit: count })),
  netClassId: z.union([count, z.literal('auto')]).optional(),
  networkPriorities: few(z.strictObject({ networkInterface: name, priority: count })),
});
