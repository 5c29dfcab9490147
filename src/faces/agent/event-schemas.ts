import { z } from 'zod';
import { CONTAINER_EVENT_KINDS, EVENT_SUBJECTS, IMAGE_EVENT_KINDS, VOLUME_EVENT_KINDS } from '../../engine/event.ts';
import { limitationAnswer, terminationAnswer } from './answer-schemas.ts';
import { integerText } from './schemas.ts';

const EVENT_KINDS = [...new Set([...CONTAINER_EVENT_KINDS, ...IMAGE_EVENT_KINDS, ...VOLUME_EVENT_KINDS])];

const text = z.string();
const names = z.array(z.string().min(1).max(4096)).max(1_000);

const filtersSchema = z.strictObject({
  containers: names.optional(),
  labels: names.optional(),
  kinds: z.array(z.enum(EVENT_KINDS)).max(100).optional(),
  subjects: z.array(z.enum(EVENT_SUBJECTS)).max(10).optional(),
  images: names.optional(),
  volumes: names.optional(),
});

/** A query has only texts; what is a list of lists travels as JSON in one of them. */
const filtersText = z
  .string()
  .max(1 << 16)
  .transform((value, context): unknown => {
    try {
      return JSON.parse(value);
    } catch {
      context.addIssue('not JSON');
      return z.NEVER;
    }
  })
  .pipe(filtersSchema);

export const eventQuerySchema = z.strictObject({
  after: z.string().min(1).max(64).optional(),
  sinceMs: integerText(0, 1e15).optional(),
  untilMs: integerText(0, 1e15).optional(),
  filters: filtersText.optional(),
});

const common = { atMs: z.number().int(), position: text.describe('give it as `after` to go on from here') };

export const eventAnswer = z.discriminatedUnion('subject', [
  z.object({
    ...{ subject: z.literal('container'), kind: z.enum(CONTAINER_EVENT_KINDS), ...common },
    uid: text,
    name: text,
    labels: z.record(text, text),
    inheritedLabels: z.array(text).optional().describe('keys of those that are of its image'),
    image: text.optional(),
    limitation: limitationAnswer.optional(),
    termination: terminationAnswer.optional(),
    restarts: z.number().int().optional(),
    dueAtMs: z.number().int().optional(),
    health: z.enum(['starting', 'healthy', 'unhealthy']).optional(),
    isReady: z.boolean().optional(),
  }),
  z.object({
    ...{ subject: z.literal('image'), kind: z.enum(IMAGE_EVENT_KINDS), ...common },
    image: text,
    imageId: text.optional(),
    digest: text.optional().describe('of its manifest; of one that was pushed or copied: of what the target names now'),
    source: text.optional().describe('of one that was copied: where from'),
  }),
  z.object({ subject: z.literal('volume'), kind: z.enum(VOLUME_EVENT_KINDS), ...common, volume: text }),
  z
    .object({
      ...{ subject: z.literal('stream'), kind: z.literal('gap'), ...common },
      missed: z.union([z.number().int(), z.literal('unknown')]),
    })
    .describe('events are missing here'),
]);
