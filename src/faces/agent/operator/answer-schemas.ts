import { z } from 'zod';
import { containerIdSchema } from './container-ids.ts';

/** What the operator API answers, for the reference and for its tests: nothing is parsed by them. Objects may grow fields. */

const text = z.string();
const count = z.number();
const whole = z.number().int();
/** All digits are told; who reads them into a double rounds them. */
const int64 = z.number().multipleOf(1);
const nanoseconds = z.object({ nanoseconds: int64 });
const texts = z.array(z.never()).describe('always empty: containers that stand alone are no tasks');

const statistics = z.object({
  timestamp: count.describe('seconds since 1970'),
  processes: count.optional().describe('threads included, as the kernel counts them'),
  threads: count.optional(),
  cpus_user_time_secs: count.optional(),
  cpus_system_time_secs: count.optional(),
  cpus_limit: count.optional(),
  cpus_soft_limit: count.optional(),
  cpus_nr_periods: count.optional(),
  cpus_nr_throttled: count.optional(),
  cpus_throttled_time_secs: count.optional(),
  mem_limit_bytes: count.optional(),
  mem_soft_limit_bytes: count.optional(),
  mem_total_bytes: count.optional(),
  mem_anon_bytes: count.optional(),
  mem_rss_bytes: count.optional(),
  mem_file_bytes: count.optional(),
  mem_cache_bytes: count.optional(),
  mem_swap_bytes: count.optional(),
  disk_limit_bytes: count.optional(),
  disk_used_bytes: count.optional(),
});

const containers = z.object({
  containers: z.array(
    z.object({
      container_id: containerIdSchema,
      container_status: z.object({
        container_id: containerIdSchema,
        executor_pid: whole.optional(),
        cgroup_info: z.object({ net_cls: z.object({ classid: whole }) }).optional(),
      }),
      resource_statistics: statistics.optional(),
    }),
  ),
});

const resource = z.object({
  name: z.enum(['mem', 'disk']),
  type: z.literal('SCALAR'),
  scalar: z.object({ value: count }),
});
const exitStatus = whole.describe('as wait(2) has it');

const end = z.object({
  exit_status: exitStatus.optional().describe('as wait(2) has it; missing when nobody saw the end'),
  state: z.literal('TASK_FAILED').optional(),
  reason: text.optional(),
  limitation: z.object({ resources: z.array(resource) }).optional(),
  message: text.optional(),
});

const tasks = z.object({
  pending_tasks: texts,
  queued_tasks: texts,
  launched_tasks: texts,
  terminated_tasks: texts,
  completed_tasks: texts,
});
const executors = z.object({ executors: texts, completed_executors: texts });
const frameworks = z.object({ frameworks: texts, completed_frameworks: texts });

const fileInfo = z.object({
  ...{ path: text, nlink: whole, size: whole, mtime: nanoseconds, mode: whole },
  ...{ uid: text, gid: text },
});

/** The member of an answer that is named after its call; calls that are not here are answered with an empty body. */
export const ANSWER_SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  GET_HEALTH: z.object({ healthy: z.boolean() }),
  GET_VERSION: z.object({ version_info: z.object({ version: text }) }),
  GET_FLAGS: z.object({ flags: z.array(z.object({ name: text, value: text })) }),
  GET_METRICS: z.object({ metrics: z.array(z.object({ name: text, value: count })) }),
  GET_LOGGING_LEVEL: z.object({ level: whole }),
  GET_STATE: z.object({ get_tasks: tasks, get_executors: executors, get_frameworks: frameworks }),
  GET_TASKS: tasks,
  GET_EXECUTORS: executors,
  GET_FRAMEWORKS: frameworks,
  LIST_FILES: z.object({ file_infos: z.array(fileInfo) }),
  READ_FILE: z.object({ size: whole, data: z.base64() }),
  GET_CONTAINERS: containers,
  WAIT_CONTAINER: end,
  WAIT_NESTED_CONTAINER: end,
};

const stream = z.enum(['STDOUT', 'STDERR']);
const control = z.discriminatedUnion('type', [
  z.object({ type: z.literal('HEARTBEAT'), heartbeat: z.object({ interval: nanoseconds }) }),
  z
    .object({ type: z.literal('GAP'), gap: z.object({ type: stream, bytes: whole }) })
    .describe('bytes that were left out, for the client read too slowly'),
  z.object({ type: z.literal('EXITED'), exited: z.object({ exit_status: exitStatus }) }).describe('the last one'),
]);

/** Each record of ATTACH_CONTAINER_OUTPUT and LAUNCH_NESTED_CONTAINER_SESSION. */
export const processIoSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('DATA'), data: z.object({ type: stream, data: z.base64() }) }),
  z.object({ type: z.literal('CONTROL'), control }),
]);

const happening = z.object({
  ...{ container_id: containerIdSchema, position: text, timestamp: nanoseconds, kind: text, uid: text },
  labels: z.object({ labels: z.array(z.object({ key: text, value: text })) }),
  termination: end.optional(),
  message: text.optional(),
});

const imageHappening = z.object({
  ...{ position: text, timestamp: nanoseconds, kind: text, image: text },
  ...{ image_id: text.optional(), digest: text.optional(), source: text.optional() },
});

/** Each record of SUBSCRIBE. */
export const subscriptionSchema = z.discriminatedUnion('type', [
  z
    .object({
      type: z.literal('SUBSCRIBED'),
      subscribed: z.object({ get_containers: containers, heartbeat_interval_seconds: count, position: text }),
    })
    .describe('the first one'),
  z.object({ type: z.literal('HEARTBEAT') }),
  z.object({ type: z.literal('GAP'), gap: z.object({ missed: whole, position: text }) }).describe('events are missing'),
  z.object({ type: z.literal('CONTAINER_ADDED'), container_added: happening }),
  z.object({ type: z.literal('CONTAINER_UPDATED'), container_updated: happening }),
  z.object({ type: z.literal('CONTAINER_REMOVED'), container_removed: happening }),
  z.object({ type: z.literal('IMAGE_ADDED'), image_added: imageHappening }),
  z.object({ type: z.literal('IMAGE_UPDATED'), image_updated: imageHappening }),
  z.object({ type: z.literal('IMAGE_REMOVED'), image_removed: imageHappening }),
]);
