import { z } from 'zod';
import { HEALTH_ACTIONS } from '../../model/health.ts';

const count = z.number().int().nonnegative();

const checkSchema = z.union([
  z.strictObject({ command: z.array(z.string().max(1 << 20)).max(1_000) }),
  z.strictObject({
    http: z.strictObject({
      port: count,
      path: z.string().max(4_096).optional(),
      host: z.string().max(255).optional(),
      scheme: z.enum(['http', 'https']).optional(),
    }),
  }),
  z.strictObject({ tcp: z.strictObject({ port: count }) }),
]);

const times = {
  intervalMs: count.optional(),
  timeoutMs: count.optional(),
  startPeriodMs: count.optional(),
  startIntervalMs: count.optional(),
  retries: count.optional(),
};

/** The field `health` of a container: as HealthRequest in model/health.ts. */
export const healthSchema = z.strictObject({
  check: z.union([z.literal('none'), checkSchema]).optional(),
  ...times,
  onFailure: z.enum(HEALTH_ACTIONS).optional(),
});

/** The field `readiness` of a container: as ReadinessRequest in model/health.ts. */
export const readinessSchema = z.strictObject({ check: checkSchema, ...times });
