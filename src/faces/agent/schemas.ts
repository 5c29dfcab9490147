import { z } from 'zod';
import { WAIT_CONDITIONS } from '../../engine/life-facade.ts';
import { BACKENDS } from '../../model/backend.ts';
import { DISK_ENFORCEMENTS } from '../../model/disk-quota.ts';
import { RESTART_KINDS } from '../../model/restart-policy.ts';
import { MAX_GRACE_MS } from '../../model/stop-request.ts';
import { fetchSchema } from './fetch-schemas.ts';
import { healthSchema, readinessSchema } from './health-schemas.ts';
import { credentialSchema, dockerHostSchema } from './images/registry-schemas.ts';
import { namespacesSchema } from './namespace-schemas.ts';
import { landlockSchema, processSchema } from './process-schemas.ts';
import { resourceChangesSchema, resourcesSchema } from './resource-schemas.ts';
import { hooksSchema, securitySchema } from './security-schemas.ts';
import { secretsSchema, secretVariableSchema, volumeSchema, volumesFromSchema } from './volume-schemas.ts';

/** No longer than a whole body; the model says closer bounds in better words (model/check-request.ts). */
const text = z.string().max(1 << 20);
const path = z.string().min(1).max(4096);
const texts = z.array(text).max(10_000);
const count = z.number().int().nonnegative();
const signal = z.number().int().min(1).max(64);
const grace = count.max(MAX_GRACE_MS);
const terminalSize = z.strictObject({ rows: count, columns: count });

const rootfs = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('image'), reference: z.string().min(1).max(4096) }),
  z.strictObject({ kind: z.literal('directory'), path }),
  z.strictObject({ kind: z.literal('none') }),
]);

const restartSchema = z.strictObject({ kind: z.enum(RESTART_KINDS), maximum: count.optional() });
const devices = z.array(z.strictObject({ hostPath: path, containerPath: path, access: z.string().max(3) })).max(10_000);

/** Body of launch, create and explain: as ContainerRequest in model/check-request.ts, the name optional. */
export const containerSchema = z.strictObject({
  name: z.string().max(256).optional(),
  parent: z.string().min(1).max(8192).optional(),
  shareCgroups: z.boolean().optional(),
  debug: z.boolean().optional(),
  rootfs,
  backend: z.enum(BACKENDS).optional(),
  pull: z.enum(['missing', 'always', 'never']).optional(),
  entrypoint: texts.optional(),
  command: texts.optional(),
  env: texts.optional(),
  workdir: path.optional(),
  user: z.string().min(1).max(256).optional(),
  hostname: z.string().max(256).optional(),
  labels: z.record(z.string().min(1).max(1024), text).optional(),
  network: z.enum(['none', 'host']).optional(),
  namespaces: namespacesSchema.optional(),
  volumes: z.array(volumeSchema).max(10_000).optional(),
  volumesFrom: z.array(volumesFromSchema).max(100).optional(),
  secretVariables: z.array(secretVariableSchema).max(1_000).optional(),
  secrets: secretsSchema.optional(),
  diskLimitBytes: count.optional(),
  diskEnforcement: z.enum(DISK_ENFORCEMENTS).optional(),
  process: processSchema.optional(),
  sysctls: z.record(z.string().min(1).max(512), z.string().max(4096)).optional(),
  landlock: landlockSchema.optional(),
  devices: devices.optional(),
  deviceRules: texts.optional(),
  resources: resourcesSchema.optional(),
  readOnlyRootfs: z.boolean().optional(),
  init: z.boolean().optional(),
  terminal: z.boolean().optional(),
  terminalSize: terminalSize.optional(),
  stdin: z.boolean().optional(),
  owned: z.boolean().optional(),
  endsWithOwner: z.boolean().optional(),
  log: z
    .strictObject({
      format: z.enum(['cri', 'raw']).optional(),
      maxBytes: count.optional(),
      maxFiles: count.max(64).optional(),
    })
    .optional(),
  autoRemove: z.boolean().optional(),
  stopSignal: signal.optional(),
  stopGraceMs: grace.optional(),
  restart: restartSchema.optional(),
  health: healthSchema.optional(),
  readiness: readinessSchema.optional(),
  isolation: z.array(z.string().min(1).max(128)).max(256).optional(),
  security: securitySchema.optional(),
  hooks: hooksSchema.optional(),
  fetch: z.array(fetchSchema).max(64).optional(),
});

export const execSchema = z.strictObject({
  command: texts.min(1),
  env: texts.optional(),
  workdir: path.optional(),
  user: z.string().min(1).max(256).optional(),
  terminal: z.boolean().optional(),
  terminalSize: terminalSize.optional(),
  stdin: z.boolean().optional(),
  owned: z.boolean().optional(),
});

/** As DeviceChanges in model/device-changes.ts. */
const deviceChanges = z.strictObject({
  add: devices.optional(),
  remove: z.array(path).max(10_000).optional(),
  addRules: texts.optional(),
  removeRules: texts.optional(),
});
export const updateSchema = z.strictObject({
  resources: resourceChangesSchema.optional(),
  devices: deviceChanges.optional(),
  diskLimitBytes: count.optional(),
  restart: restartSchema.optional(),
});
export const signalSchema = z.strictObject({ signal });
export const killSchema = z.strictObject({ signal, all: z.boolean().optional() });
export const startSchema = z.strictObject({ owned: z.boolean().optional() });
export const stopSchema = z.strictObject({ graceMs: grace.optional() });
export const destroySchema = stopSchema;
/** Of a launch, which may pull the image. */
export const launchSchema = containerSchema.extend({ credential: credentialSchema.optional() });

export const pullSchema = z.strictObject({
  reference: z.string().min(1).max(4096),
  platform: z.string().min(1).max(256).optional(),
  requireSignature: z.boolean().optional(),
  credential: credentialSchema.optional(),
  dockerHost: dockerHostSchema.optional(),
});

export const integerText = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'not a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most));
export const flagText = z.enum(['true', 'false', '1', '0']).transform((value) => value === 'true' || value === '1');

export const logsQuerySchema = z.strictObject({
  follow: flagText.optional(),
  timestamps: flagText.optional(),
  tail: integerText(0, 1e12).optional(),
  sinceMs: integerText(0, 1e15).optional(),
  untilMs: integerText(0, 1e15).optional(),
});
export const statsQuerySchema = z.strictObject({
  /** Joined by commas. */
  ids: z
    .string()
    .min(1)
    .max(1 << 16)
    .transform((value) => value.split(','))
    .optional(),
  all: flagText.optional(),
  stream: flagText.optional(),
  intervalMs: integerText(100, 3_600_000).optional(),
});
export const pressureQuerySchema = z.strictObject({
  resource: z.enum(['cpu', 'memory', 'io']),
  kind: z.enum(['some', 'full']),
  stallUs: integerText(0, 1e12),
  windowUs: integerText(0, 1e12),
});
export const waitForQuerySchema = z.strictObject({
  condition: z.enum(WAIT_CONDITIONS).optional(),
  timeoutMs: integerText(0, 3_600_000).optional(),
});
export const waitQuerySchema = z.strictObject({ timeoutMs: integerText(0, 3_600_000).optional() });
export const launchQuerySchema = z.strictObject({
  pulledByCaller: flagText.optional(),
  launch: z.string().min(16).max(64).optional(),
});
export const removeImageQuerySchema = z.strictObject({ force: flagText.optional() });

export const removeQuerySchema = z.strictObject({ force: flagText.optional(), volumes: flagText.optional() });
