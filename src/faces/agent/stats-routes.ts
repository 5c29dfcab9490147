import type { Clock } from '../../base/effects.ts';
import type { Engine, PressureEvent, StatsQuery } from '../../engine/facade.ts';
import { isErrorOfKind } from '../../model/error.ts';
import { type Answer, type Call, json, type Route } from './router.ts';
import { parseQuery, pressureQuerySchema, statsQuerySchema } from './schemas.ts';
import { NDJSON, ndjson } from './streams.ts';

const DEFAULT_INTERVAL_MS = 1_000;

/** What containers use: once, or again and again until the client goes. */
export function statsRoutes({ clock }: { readonly clock: Clock }): readonly Route[] {
  return [
    { method: 'GET', path: '/v1/stats', deadlineMs: 'none', handle: (call) => stats(call, clock) },
    { method: 'GET', path: '/v1/containers/:id/pressure', deadlineMs: 'none', handle: pressure },
  ];
}

/** One line at once, which tells how things stand, then one each time the trigger is met. */
async function pressure({ engine, params, query, signal }: Call): Promise<Answer> {
  const events = await engine.pressure(params.id ?? '', parseQuery(pressureQuerySchema, query), signal);
  return { kind: 'stream', contentType: NDJSON, chunks: ndjson(withoutMissing(events)) };
}

async function* withoutMissing(events: AsyncIterable<PressureEvent>): AsyncGenerator<unknown> {
  for await (const event of events) yield { ...event, pressure: event.pressure ?? null };
}

async function stats({ engine, query, signal }: Call, clock: Clock): Promise<Answer> {
  const { ids, all, stream, intervalMs = DEFAULT_INTERVAL_MS } = parseQuery(statsQuerySchema, query);
  const wanted = { ids, all };
  const first = await moment(engine, wanted, clock);
  if (stream !== true) return json(first);
  return { kind: 'stream', contentType: NDJSON, chunks: ndjson(moments()) };

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
