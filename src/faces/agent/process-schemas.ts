import { z } from 'zod';
import { LANDLOCK_ACCESS } from '../../model/landlock.ts';
import {
  IO_PRIORITY_CLASSES,
  MEMORY_POLICY_MODES,
  PERSONALITIES,
  RLIMIT_NUMBERS,
  type RlimitName,
  SCHEDULER_POLICIES,
} from '../../model/process-config.ts';

const nanoseconds = z.number().int().nonnegative();
const limit = z.union([z.number().int().nonnegative(), z.literal('unlimited')]);
const rlimitName = z.enum(Object.keys(RLIMIT_NUMBERS) as [RlimitName, ...RlimitName[]]);
const ports = z.array(z.number().int()).max(1024);

/** The field `process` of a container. */
export const processSchema = z.strictObject({
  rlimits: z.partialRecord(rlimitName, z.strictObject({ soft: limit, hard: limit })).optional(),
  oomScoreAdj: z.number().int().optional(),
  personality: z.enum(PERSONALITIES).optional(),
  scheduler: z
    .strictObject({
      policy: z.enum(SCHEDULER_POLICIES),
      nice: z.number().int().optional(),
      priority: z.number().int().optional(),
      runtimeNs: nanoseconds.optional(),
      deadlineNs: nanoseconds.optional(),
      periodNs: nanoseconds.optional(),
    })
    .optional(),
  ioPriority: z.strictObject({ class: z.enum(IO_PRIORITY_CLASSES), level: z.number().int() }).optional(),
  memoryPolicy: z
    .strictObject({ mode: z.enum(MEMORY_POLICY_MODES), nodes: z.array(z.number().int()).max(1024) })
    .optional(),
});

/** The field `landlock` of a container. */
export const landlockSchema = z.strictObject({
  paths: z
    .array(z.strictObject({ path: z.string().min(1).max(4096), access: z.array(z.enum(LANDLOCK_ACCESS)).max(8) }))
    .max(1024)
    .optional(),
  connectTcpPorts: ports.optional(),
  bindTcpPorts: ports.optional(),
  scoped: z.boolean().optional(),
});
