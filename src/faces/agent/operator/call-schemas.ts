import { z } from 'zod';
import { containerIdSchema, nestedIdSchema, newIdSchema, newNestedIdSchema } from './container-ids.ts';

/** The calls of the Mesos agent API v1 (mesos/v1/agent/agent.proto), with the fields that mean something here. */

const text = z.string().max(1 << 20);
const path = z.string().min(1).max(4096);
const texts = z.array(text).max(10_000);
const count = z.number().int().nonnegative();

const secret = z.strictObject({ type: z.literal('VALUE'), value: z.strictObject({ data: z.base64() }) });

const variable = z.strictObject({
  name: z.string().min(1).max(4096),
  type: z.enum(['VALUE', 'SECRET']).optional(),
  value: text.optional(),
  secret: secret.optional(),
});

const command = z.strictObject({
  value: text.optional(),
  shell: z.boolean().optional(),
  arguments: texts.optional(),
  environment: z.strictObject({ variables: z.array(variable).max(10_000) }).optional(),
  user: z.string().min(1).max(256).optional(),
  uris: z
    .array(
      z.strictObject({
        value: z.string().min(1).max(8192),
        executable: z.boolean().optional(),
        extract: z.boolean().optional(),
        cache: z.boolean().optional(),
        output_file: z.string().max(4096).optional(),
      }),
    )
    .max(64)
    .optional(),
});

export const imageSchema = z.strictObject({
  type: z.literal('DOCKER'),
  docker: z.strictObject({ name: z.string().min(1).max(4096) }),
  cached: z.boolean().optional(),
});

const volume = z.strictObject({
  container_path: path,
  mode: z.enum(['RW', 'RO']),
  host_path: path.optional(),
  image: imageSchema.optional(),
  source: z
    .discriminatedUnion('type', [
      z.strictObject({
        type: z.literal('HOST_PATH'),
        host_path: z.strictObject({
          path,
          mount_propagation: z.strictObject({ mode: z.enum(['HOST_TO_CONTAINER', 'BIDIRECTIONAL']) }).optional(),
        }),
      }),
      z.strictObject({
        type: z.literal('SANDBOX_PATH'),
        sandbox_path: z.strictObject({ type: z.enum(['SELF', 'PARENT']).optional(), path }),
      }),
      z.strictObject({ type: z.literal('SECRET'), secret }),
    ])
    .optional(),
});

const capabilities = z.strictObject({ capabilities: z.array(z.string().min(1).max(64)).max(64).optional() });

const linuxInfo = z.strictObject({
  effective_capabilities: capabilities.optional(),
  bounding_capabilities: capabilities.optional(),
  share_pid_namespace: z.boolean().optional(),
  share_cgroups: z.boolean().optional(),
  seccomp: z
    .strictObject({ profile_name: z.string().min(1).max(4096).optional(), unconfined: z.boolean().optional() })
    .optional(),
  ipc_mode: z.enum(['PRIVATE', 'SHARE_PARENT']).optional(),
  /** MiB. */
  shm_size: count.optional(),
});

const windowSize = z.strictObject({ rows: count.max(65_535), columns: count.max(65_535) });

const container = z.strictObject({
  type: z.literal('MESOS'),
  mesos: z.strictObject({ image: imageSchema.optional() }).optional(),
  hostname: z.string().min(1).max(256).optional(),
  volumes: z.array(volume).max(10_000).optional(),
  linux_info: linuxInfo.optional(),
  rlimit_info: z
    .strictObject({
      rlimits: z
        .array(z.strictObject({ type: z.string().min(1).max(64), soft: count.optional(), hard: count.optional() }))
        .max(64),
    })
    .optional(),
  tty_info: z.strictObject({ window_size: windowSize.optional() }).optional(),
});

const scalar = z.strictObject({ value: z.number().nonnegative() });
const roleName = z.string().min(1).max(256);
/** Whose the resource is, which is the master's business: it is checked, and the agent keeps no account of it. */
const bookkeeping = {
  role: roleName.optional(),
  allocation_info: z.strictObject({ role: roleName.optional() }).optional(),
  reservations: z
    .array(
      z.strictObject({
        type: z.enum(['STATIC', 'DYNAMIC']).optional(),
        role: roleName.optional(),
        principal: z.string().max(256).optional(),
        labels: z
          .strictObject({ labels: z.array(z.strictObject({ key: text, value: text.optional() })).max(1000) })
          .optional(),
      }),
    )
    .max(100)
    .optional(),
};
const resource = z.strictObject({
  name: z.enum(['cpus', 'mem', 'disk']),
  type: z.literal('SCALAR'),
  scalar,
  ...bookkeeping,
  // What would change what the container gets, and is not there to be had.
  revocable: z.never('the agent gives no resources that it takes back').optional(),
  shared: z.never('the agent shares no resources between containers').optional(),
  disk: z.never('the agent has no persistent volumes and no disks by name: container.volumes takes volumes').optional(),
  provider_id: z.never('the agent has no resource providers').optional(),
});
/** protobuf's JSON for an infinite double is this word. */
const limit = z.union([scalar, z.strictObject({ value: z.literal('Infinity') })]);

export const launchSchema = z.strictObject({
  container_id: newIdSchema,
  command: command.optional(),
  container: container.optional(),
  resources: z.array(resource).max(100).optional(),
  limits: z.strictObject({ cpus: limit.optional(), mem: limit.optional() }).optional(),
});

export type LaunchCall = z.output<typeof launchSchema>;

/** Older than `parent` in LAUNCH_CONTAINER, and without bounds. */
export const launchNestedSchema = z.strictObject({
  container_id: newNestedIdSchema,
  command: command.optional(),
  container: container.optional(),
});

/** A session has the fields of a nested container. */
export type SessionCall = z.output<typeof launchNestedSchema>;

export const idSchema = z.strictObject({ container_id: containerIdSchema });
export const killSchema = z.strictObject({
  container_id: containerIdSchema,
  signal: z.number().int().min(1).max(64).optional(),
});
export const nestedSchema = z.strictObject({ container_id: nestedIdSchema });
export const killNestedSchema = z.strictObject({ ...killSchema.shape, container_id: nestedIdSchema });
export const getContainersSchema = z.strictObject({
  show_nested: z.boolean().optional(),
  show_standalone: z.boolean().optional(),
});
export const nothingSchema = z.strictObject({});
/** `position` as an event of an earlier subscription told it; without one it begins now. */
export const subscribeSchema = z.strictObject({ position: z.string().min(1).max(64).optional() });

const data = z.strictObject({ type: z.literal('STDIN'), data: z.base64() });
const control = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('TTY_INFO'), tty_info: z.strictObject({ window_size: windowSize }) }),
  z.strictObject({
    type: z.literal('HEARTBEAT'),
    heartbeat: z.strictObject({ interval: z.strictObject({ nanoseconds: count }).optional() }).optional(),
  }),
]);

/** Each record of the stream that is ATTACH_CONTAINER_INPUT: the first names the container. */
export const inputSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('CONTAINER_ID'), container_id: containerIdSchema }),
  z.strictObject({
    type: z.literal('PROCESS_IO'),
    process_io: z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('DATA'), data }),
      z.strictObject({ type: z.literal('CONTROL'), control }),
    ]),
  }),
]);

export type InputRecord = z.output<typeof inputSchema>;
