import type { z } from 'zod';
import type { Clock } from '../../base/effects.ts';
import type { Engine, PressureEvent, StatsQuery } from '../../engine/facade.ts';
import { isErrorOfKind } from '../../model/error.ts';
import { pressureAnswer, statsAnswer } from './answer-schemas.ts';
import { type Answer, type Call, defineRoute, json, type Route } from './router.ts';
import { pressureQuerySchema, statsQuerySchema } from './schemas.ts';
import { NDJSON, ndjson } from './streams.ts';

const DEFAULT_INTERVAL_MS = 1_000;

/** What containers use: once, or again and again until the client goes. */
export function statsRoutes({ clock }: { readonly clock: Clock }): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/v1/stats', deadlineMs: 'none' },
      needs: { role: 'read', of: 'containers' },
      summary:
        'Usage, limits and pressure of the containers named by `ids`, else of those that run, or with `all` of all.',
      query: statsQuerySchema,
      answer: { kind: 'json or lines', schema: statsAnswer, linesIf: 'with `stream`, one every `intervalMs` (1000)' },
      handle: (call) => stats(call, clock),
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/pressure', deadlineMs: 'none' },
      needs: { role: 'read', of: 'container' },
      summary: 'A line at once, and one each time the processes have waited for a resource as long as was asked.',
      query: pressureQuerySchema,
      answer: { kind: 'lines', schema: pressureAnswer },
      handle: pressure,
    }),
  ];
}

function lines(values: AsyncIterable<unknown>): Answer {
  return { kind: 'stream', contentType: NDJSON, chunks: ndjson(values) };
}

/** One line at once, which tells how things stand, then one each time the trigger is met. */
async function pressure(call: Call<unknown, z.output<typeof pressureQuerySchema>>): Promise<Answer> {
  const { engine, params, query, signal } = call;
  return lines(withoutMissing(await engine.pressure(params.id ?? '', query, signal)));
}

async function* withoutMissing(events: AsyncIterable<PressureEvent>): AsyncGenerator<unknown> {
  for await (const event of events) yield { ...event, pressure: event.pressure ?? null };
}

async function stats(call: Call<unknown, z.output<typeof statsQuerySchema>>, clock: Clock): Promise<Answer> {
  const { engine, query, signal } = call;
  const { ids, all, stream, intervalMs = DEFAULT_INTERVAL_MS } = query;
  const wanted = { ids, all };
  const first = await moment(engine, wanted, clock);
  if (stream !== true) return json(first);
  return lines(moments());

  async function* moments(): AsyncGenerator<unknown> {
    yield first;
    for (;;) {
      await clock.sleep(intervalMs, signal);
      yield await moment(engine, await stillThere(engine, wanted), clock);
    }
  }
}

async function moment(engine: Engine, query: StatsQuery, clock: Clock): Promise<unknown> {
  const containers = await engine.stats(query);
  return {
    atMs: clock.nowMs(),
    containers: containers.map((one) => ({ ...one, startedAtMs: one.startedAtMs ?? null })),
  };
}

/** A container that was removed drops out of what is watched; only at the beginning it is an error. */
async function stillThere(engine: Engine, { ids, all }: StatsQuery): Promise<StatsQuery> {
  if (ids === undefined) return { all };
  const found: string[] = [];
  for (const id of ids) {
    try {
      if ((await engine.check(id)) !== undefined) found.push(id);
    } catch (error) {
      if (!isErrorOfKind(error, 'invalid-argument')) throw error; // no longer one container's prefix alone
    }
  }
  return { ids: found };
}
