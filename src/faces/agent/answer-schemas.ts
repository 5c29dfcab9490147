import { z } from 'zod';
import { PRESSURE_RESOURCES } from '../../linux/pressure.ts';
import { BACKENDS } from '../../model/backend.ts';
import { ERROR_KINDS } from '../../model/error.ts';
import { RESTART_KINDS } from '../../model/restart-policy.ts';

/**
 * What answers look like, for the reference and for its test: nothing is parsed by them. Objects may grow fields, which a
 * client must pass over.
 */

const text = z.string();
const texts = z.array(text);
const count = z.number();
const whole = z.number().int();
const uid = text.regex(/^[0-9a-f]{12}$/);
const timeMs = whole.describe('milliseconds since 1970');
const counters = z.record(text, count);
const enforcedBy = z.enum(['project', 'image', 'accounting', 'nothing']);
const diskBound = z.object({ limitBytes: count.optional(), enforcedBy });
const options = z.record(text, text);

const BEFORE = ['provisioning', 'preparing', 'isolating', 'fetching', 'prepared'] as const;
const state = z.enum([...BEFORE, 'running', 'paused', 'destroying', 'terminated']);

export const emptyAnswer = z.object({});

const exitStatus = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('exited'), code: whole }),
  z.object({ kind: z.literal('signaled'), signal: whole, coreDumped: z.boolean() }),
  z.object({ kind: z.literal('lost') }).describe('the monitor vanished, so nobody saw the end'),
]);

export const limitationAnswer = z
  .object({
    isolator: text,
    resource: text,
    times: whole.describe('how often since the launch'),
    message: text,
    statistics: counters.optional(),
  })
  .describe('a bound that was hit');

export const terminationAnswer = z.object({
  exitStatus,
  reason: z.enum(['exited', 'killed', 'limitation', 'lost', 'launch-failed']),
  message: text,
  limitations: z.array(limitationAnswer),
  startedAtMs: timeMs.nullable(),
  finishedAtMs: timeMs,
});

/** A config in an answer is the request with every default filled in. */
const config = z.looseObject({ name: text, rootfs: z.looseObject({ kind: text }) });

const probesAnswer = z.array(
  z.object({
    ...{ startedAtMs: timeMs, endedAtMs: timeMs, ok: z.boolean() },
    exitCode: whole.nullable().describe('of a command that has ended'),
    httpStatus: whole.optional().describe('of a check by HTTP that was answered'),
    output: text.describe('what it printed or answered, or why it failed'),
  }),
);

export const containerAnswer = z.object({
  uid,
  name: text,
  state,
  createdAtMs: timeMs,
  startedAtMs: timeMs.nullable(),
  pid: whole.nullable().describe('of its first process, as the host sees it'),
  imageId: text.nullable(),
  backend: z
    .object({ name: z.enum(BACKENDS), because: text })
    .nullable()
    .describe('how its image became its root file system'),
  command: texts,
  isolators: texts,
  volumes: z.array(z.looseObject({ kind: text })),
  disk: diskBound.nullable().describe('null: neither bounded nor counted'),
  limitations: z.array(limitationAnswer),
  termination: terminationAnswer.nullable(),
  restart: z.object({
    policy: z.object({ kind: z.enum(RESTART_KINDS), maximum: whole.optional() }),
    count: whole.describe('how often it was started again, or is about to be'),
    isStopped: z.boolean().describe('somebody has stopped it'),
    nextAttemptAtMs: timeMs.nullable().describe('it has ended and waits until then'),
  }),
  health: z
    .object({
      status: z.enum(['starting', 'healthy', 'unhealthy']),
      failingStreak: whole,
      probes: probesAnswer,
    })
    .nullable()
    .describe('null: nothing is checked; else with the last five probes'),
  readiness: z
    .object({ isReady: z.boolean(), failingStreak: whole, probes: probesAnswer })
    .nullable()
    .describe('null: nothing is asked, and it is ready as soon as it runs'),
  sandboxDir: text.describe('host path'),
  logDir: text.describe('host path'),
  inheritedLabels: texts.describe('keys of the labels in `config` that are of its image'),
  config,
});

const ticket = z
  .object({ socketPath: text, ticket: text })
  .describe('connect to the socket and present the ticket, as docs/protocol.md says');
const timings = z.array(z.object({ name: text, microseconds: count }));

export const containersAnswer = z.array(containerAnswer);
const warnings = z.array(text).describe('what should be known though it runs: that the image is for another platform');
export const launchAnswer = z.object({ status: containerAnswer, stream: ticket.nullable(), timings, warnings });
export const giveUpAnswer = z.object({ isGivenUp: z.boolean() });
export const runAnswer = z.object({ uid, name: text, timings, warnings, termination: terminationAnswer });
export const checkAnswer = z.object({ status: containerAnswer.nullable() });
export const waitAnswer = z.object({ termination: terminationAnswer.nullable() });
export const startAnswer = z.object({ status: containerAnswer, stream: ticket.nullable() });
export const waitForAnswer = z.object({ isMet: z.boolean() });
export const stopAnswer = z.object({ termination: terminationAnswer });
export const attachAnswer = z.object({ ...ticket.shape, terminal: z.boolean(), stdin: z.boolean() });
export const usageAnswer = counters;
export const actualAnswer = z.object({
  uid,
  state: text,
  observations: z.array(z.object({ what: text, by: text, asked: text, is: text, agrees: z.boolean() })),
});
export const planAnswer = z.looseObject({ uid, seccompRules: z.array(z.looseObject({})) });

const pressureTimes = z.object({ percent10s: count, percent60s: count, percent300s: count, totalUs: count });
const resourcePressure = z.object({ some: pressureTimes, full: pressureTimes.optional() });

export const statsAnswer = z.object({
  atMs: timeMs,
  containers: z.array(
    z.object({
      uid,
      name: text,
      state: text,
      startedAtMs: timeMs.nullable(),
      atMs: timeMs,
      usage: counters,
      disk: diskBound.extend({ usedBytes: count.optional() }).optional(),
      limits: z.looseObject({}),
      pressure: z.partialRecord(z.enum(PRESSURE_RESOURCES), resourcePressure),
      unreadable: z.array(z.object({ isolator: text, message: text })),
    }),
  ),
});

export const pressureAnswer = z.object({
  uid,
  resource: z.enum(PRESSURE_RESOURCES),
  kind: z.enum(['some', 'full']),
  times: whole.describe('how often since the last line; 0 in the first'),
  atMs: timeMs,
  pressure: resourcePressure.nullable().describe('null once the group is gone'),
});

export const sessionAnswer = z.object({ id: text, pid: whole, stream: ticket });

const image = z.object({
  id: text,
  manifestDigest: text,
  references: texts,
  manifestDigests: z.record(text, text),
  sizeBytes: count,
  createdAt: text.nullable(),
  platform: text,
  layers: texts,
  config: z.looseObject({}),
});

export const imagesAnswer = z.array(image);
export const removedImageAnswer = z.object({ untagged: texts, deleted: texts });
export const pullAnswer = z.union([z.object({ progress: z.looseObject({ kind: text }) }), z.object({ image })]);

export const reportAnswer = z.object({ rows: z.array(z.looseObject({})) });

export const versionAnswer = z.object({
  version: text,
  protocol: whole,
  node: text,
  pid: whole,
  rootDir: text,
  stateDir: text,
});

export const volumeAnswer = z.looseObject({ name: text, driver: text, labels: options, containers: z.array(uid) });
export const volumesAnswer = z.array(volumeAnswer);
export const prunedAnswer = z.object({ removed: texts });

/** Body of every answer that is an error, and of the last line of a stream that met one, as `{"error": …}`. */
export const errorAnswerSchema = z.object({
  code: text.describe('what a client matches on'),
  kind: z.enum(ERROR_KINDS),
  message: text,
  remedy: text.optional(),
  details: z.record(text, z.unknown()),
});
