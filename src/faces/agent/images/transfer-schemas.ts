import { z } from 'zod';
import { SAVE_FORMATS } from '../../../engine/transfer-facade.ts';
import { flagText } from '../schemas.ts';
import { credentialSchema, dockerHostSchema } from './registry-schemas.ts';

const MAX_IMAGES = 1000;
const MAX_CHANGES = 200;
const MAX_CHANGE = 16 * 1024;
const MAX_MESSAGE = 4096;
const MAX_SHOWN_AS = 4096;

const reference = z.string().min(1).max(4096);
const platform = z.string().min(1).max(256);

export const copySchema = z.strictObject({
  source: reference,
  target: reference,
  all: z.boolean().optional(),
  platform: platform.optional(),
  requireSignature: z.boolean().optional(),
  sourceCredential: credentialSchema.optional(),
  targetCredential: credentialSchema.optional(),
  dockerHost: dockerHostSchema.optional(),
});

export const pushSchema = z.strictObject({
  image: reference,
  target: reference.optional(),
  credential: credentialSchema.optional(),
  dockerHost: dockerHostSchema.optional(),
});

export const saveSchema = z.strictObject({
  images: z.array(reference).min(1).max(MAX_IMAGES),
  format: z.enum(SAVE_FORMATS).optional(),
  platform: platform.optional(),
});

export const loadQuerySchema = z.strictObject({
  platform: platform.optional(),
  requireSignature: flagText.optional(),
  shownAs: z.string().min(1).max(MAX_SHOWN_AS).optional(),
});

/** A list in JSON, for a query holds each name once. */
const changes = z
  .string()
  .max(MAX_CHANGES * MAX_CHANGE)
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'is no list in JSON' });
      return z.NEVER;
    }
  })
  .pipe(z.array(z.string().min(1).max(MAX_CHANGE)).max(MAX_CHANGES));

export const importQuerySchema = z.strictObject({
  reference: reference.optional(),
  changes: changes.optional(),
  message: z.string().max(MAX_MESSAGE).optional(),
  platform: platform.optional(),
});

const digest = z.string().describe('sha256: and 64 hex digits');

export const transferAnswer = z.union([
  z.object({
    progress: z
      .object({ kind: z.enum(['resolved', 'layer', 'retry', 'left', 'warning']) })
      .catchall(z.unknown())
      .describe(
        'as of a pull; a layer that has come is `copied`; `retry`: a registry is asked once more, with `reason`, `delayMs`, `attempt` and `attempts`; `left`: one of its hosts has failed, with `host`, `reason` and `next`, the one asked instead; `warning`: something of the source does not come with the image, as `message` says',
      ),
  }),
  z.object({
    transferred: z.object({ digest: digest.describe('of what the target names now'), target: z.string() }),
  }),
  z.object({ error: z.unknown() }),
]);
