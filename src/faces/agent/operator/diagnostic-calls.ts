import { z } from 'zod';
import { answer, type CallKind, call } from './call-kind.ts';
import { operatorMetrics } from './operator-metrics.ts';

const duration = z.strictObject({ nanoseconds: z.number().int().nonnegative() });

/** Within any timeout: nobody is asked for a metric who could keep us waiting. */
const getMetricsSchema = z.strictObject({ timeout: duration.optional() });

/** What the agent tells of itself. */
export const DIAGNOSTIC_CALLS: Readonly<Record<string, CallKind<unknown>>> = {
  GET_METRICS: call({ role: 'read', of: 'agent' }, getMetricsSchema, async (_, { engine }) =>
    answer('GET_METRICS', { metrics: operatorMetrics(engine.diagnostics.metrics()) }),
  ),
};
