import type { z } from 'zod';
import type { EngineEvent } from '../../engine/event.ts';
import { eventAnswer, eventQuerySchema } from './event-schemas.ts';
import { defineRoute, type Route } from './router.ts';
import { NDJSON, ndjson } from './streams.ts';
import { terminationJson } from './translate.ts';

/** What happens, from now on or from a place that the client knows. */
export function eventRoutes(): readonly Route[] {
  return [
    defineRoute<unknown, z.output<typeof eventQuerySchema>>({
      ...{ method: 'GET', path: '/v1/events', deadlineMs: 'none' },
      needs: { role: 'read', of: 'containers' },
      summary: 'What happens, from now on, `after` a position or `sinceMs`; until the client goes, or `untilMs`.',
      notes:
        '`filters` is JSON, for example `{"containers":["web"],"labels":["tier=front"],"kinds":["oom","terminated"]}`, with `subjects`, `images` and `volumes` too. A line with the subject `stream` tells that events are missing.',
      query: eventQuerySchema,
      answer: { kind: 'lines', schema: eventAnswer },
      handle: async ({ engine, query, signal }) => {
        const { filters, ...from } = query;
        const events = engine.events(signal, { ...filters, ...from });
        return { kind: 'stream', contentType: NDJSON, chunks: ndjson(asJson(events)) };
      },
    }),
  ];
}

async function* asJson(events: AsyncIterable<EngineEvent>): AsyncGenerator<unknown> {
  for await (const event of events) yield eventJson(event);
}

/** An event as JSON clients see it. */
function eventJson(event: EngineEvent): Readonly<Record<string, unknown>> {
  if (event.subject !== 'container' || event.termination === undefined) return { ...event };
  return { ...event, termination: terminationJson(event.termination) };
}
