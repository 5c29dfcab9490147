import { z } from 'zod';
import { type LoggingLevelName, MAX_DURATION_MS } from '../diagnostics/logging-level.ts';
import { answer, type CallContext, type CallKind, call, OK } from './call-kind.ts';
import { nothingSchema } from './call-schemas.ts';
import { operatorMetrics } from './operator-metrics.ts';

const NS_PER_MS = 1_000_000;

const duration = z.strictObject({ nanoseconds: z.number().int().nonnegative() });

/** Within any timeout: nobody is asked for a metric who could keep us waiting. */
const getMetricsSchema = z.strictObject({ timeout: duration.optional() });

const setLoggingLevelSchema = z.strictObject({
  level: z.number().int().nonnegative(),
  duration: z.strictObject({
    nanoseconds: z
      .number()
      .int()
      .nonnegative()
      .max(MAX_DURATION_MS * NS_PER_MS),
  }),
});

/** How talkative glog is, 0 being the usual; what is above the last is the last. */
const VERBOSITY: readonly LoggingLevelName[] = ['info', 'debug', 'trace'];

/** What the agent tells of itself. */
export const DIAGNOSTIC_CALLS: Readonly<Record<string, CallKind<unknown>>> = {
  GET_METRICS: {
    ...call({ role: 'read', of: 'agent' }, getMetricsSchema, async (_, { engine }) =>
      answer('GET_METRICS', { metrics: operatorMetrics(engine.diagnostics.metrics()) }),
    ),
    needsFields: true,
  },
  // A level that says less than the usual is none of glog's; it is told as the usual one.
  GET_LOGGING_LEVEL: call({ role: 'read', of: 'agent' }, nothingSchema, async (_, { logging }) =>
    answer('GET_LOGGING_LEVEL', { level: Math.max(0, VERBOSITY.indexOf(logging.status.level)) }),
  ),
  SET_LOGGING_LEVEL: call({ role: 'admin', of: 'agent' }, setLoggingLevelSchema, setLoggingLevel),
};

async function setLoggingLevel(
  { level, duration: { nanoseconds } }: z.output<typeof setLoggingLevelSchema>,
  { logging }: CallContext,
): Promise<typeof OK> {
  logging.set(VERBOSITY[level] ?? 'trace', Math.ceil(nanoseconds / NS_PER_MS));
  return OK;
}
