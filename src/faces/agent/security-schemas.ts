import { z } from 'zod';
import { MAX_PROFILE_BYTES } from '../../model/security-config.ts';

/** As SecurityConfig in model/security-config.ts. */
export const securitySchema = z.strictObject({
  seccomp: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('builtin') }),
      z.strictObject({ kind: z.literal('unconfined') }),
      z.strictObject({
        kind: z.literal('profile'),
        name: z.string().min(1).max(4096),
        // The model says the bound in bytes.
        content: z.string().max(MAX_PROFILE_BYTES),
      }),
    ])
    .optional(),
});
