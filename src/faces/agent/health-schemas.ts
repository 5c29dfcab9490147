import { z } from 'zod';
import { HEALTH_ACTIONS } from '../../model/health.ts';

const count = z.number().int().nonnegative();

/** The field `health` of a container: as HealthRequest in model/health.ts. */
export const healthSchema = z.strictObject({
  check: z
    .union([z.literal('none'), z.strictObject({ command: z.array(z.string().max(1 << 20)).max(1_000) })])
    .optional(),
  intervalMs: count.optional(),
  timeoutMs: count.optional(),
  startPeriodMs: count.optional(),
  startIntervalMs: count.optional(),
  retries: count.optional(),
  onFailure: z.enum(HEALTH_ACTIONS).optional(),
});
