import { z } from 'zod';
import { type Answer, type Call, defineRoute, json, type Route } from '../router.ts';
import { LOGGING_LEVELS, type LoggingLevel, MAX_DURATION_MS } from './logging-level.ts';
import { PROMETHEUS_TYPE, prometheusText } from './prometheus-text.ts';

const DEADLINE_MS = 10_000;

const level = z.enum(LOGGING_LEVELS);
const loggingAnswer = z.object({
  level,
  until: z.object({ atMs: z.number().describe('milliseconds since 1970'), former: level }).nullable(),
});
const loggingSchema = z.strictObject({
  level,
  durationMs: z.number().int().min(1).max(MAX_DURATION_MS).optional(),
});

/** What the agent tells of itself. */
export function diagnosticRoutes({ logging }: { readonly logging: LoggingLevel }): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/metrics', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'agent' },
      summary: 'All metrics of the agent, as Prometheus reads them.',
      answer: { kind: 'text', contentType: PROMETHEUS_TYPE, of: 'text of the Prometheus format 0.0.4' },
      handle: async ({ engine }: Call) => ({
        ...{ kind: 'text', contentType: PROMETHEUS_TYPE },
        text: prometheusText(engine.diagnostics.metrics()),
      }),
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/debug/logging-level', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'agent' },
      summary: 'How much the agent writes into its log, and until when where that is for a time.',
      answer: { kind: 'json', schema: loggingAnswer },
      handle: async () => loggingJson(logging),
    }),
    defineRoute({
      ...{ method: 'PUT', path: '/v1/debug/logging-level', deadlineMs: DEADLINE_MS },
      needs: { role: 'admin', of: 'agent' },
      summary: 'Sets that; with `durationMs` for so long, after which it is as before.',
      body: { schema: loggingSchema, where: 'the logging level' },
      answer: { kind: 'json', schema: loggingAnswer },
      handle: async ({ body }: Call<z.output<typeof loggingSchema>>) => {
        logging.set(body.level, body.durationMs);
        return loggingJson(logging);
      },
    }),
  ];
}

function loggingJson({ status }: LoggingLevel): Answer {
  return json({ level: status.level, until: status.until ?? null });
}
