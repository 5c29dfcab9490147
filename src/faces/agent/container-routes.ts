import type { Clock, Files } from '../../base/effects.ts';
import type { Engine } from '../../engine/facade.ts';
import { logErrors, readLogs } from '../../io/log-reader.ts';
import { observeContainer } from './actual.ts';
import { agentErrors } from './errors.ts';
import { type Answer, type Call, json, type Route } from './router.ts';
import {
  containerSchema,
  destroySchema,
  killSchema,
  logsQuerySchema,
  parseBody,
  parseQuery,
  removeQuerySchema,
  stopSchema,
  waitQuerySchema,
} from './schemas.ts';
import { FRAMES, logFrames, NDJSON, ndjson } from './streams.ts';
import { configOf, containerJson, explanationOf, logSourcesOf, secretsOf, terminationJson } from './translate.ts';

/** A launch may pull its image first, so it has longer than anything else. */
const LAUNCH_DEADLINE_MS = 30 * 60_000;
const DEADLINE_MS = 60_000;
const STOP_SLACK_MS = 60_000;
const DEFAULT_WAIT_MS = 30_000;

interface Ports {
  readonly files: Files;
  readonly clock: Clock;
}

/** Everything about containers; `id` is a uid, a name or an unambiguous uid prefix. */
export function containerRoutes(ports: Ports): readonly Route[] {
  return [
    { method: 'GET', path: '/v1/containers', deadlineMs: DEADLINE_MS, handle: list },
    { method: 'POST', path: '/v1/containers', deadlineMs: LAUNCH_DEADLINE_MS, handle: launch },
    { method: 'POST', path: '/v1/runs', deadlineMs: 'none', handle: run },
    { method: 'PUT', path: '/v1/containers/:id', deadlineMs: LAUNCH_DEADLINE_MS, handle: create },
    { method: 'GET', path: '/v1/containers/:id', deadlineMs: DEADLINE_MS, handle: status },
    { method: 'DELETE', path: '/v1/containers/:id', deadlineMs: DEADLINE_MS, handle: remove },
    { method: 'GET', path: '/v1/containers/:id/check', deadlineMs: DEADLINE_MS, handle: check },
    { method: 'POST', path: '/v1/containers/:id/destroy', deadlineMs: 'none', handle: destroy },
    { method: 'GET', path: '/v1/containers/:id/wait', deadlineMs: 'none', handle: (call) => wait(call, ports.clock) },
    { method: 'POST', path: '/v1/containers/:id/kill', deadlineMs: DEADLINE_MS, handle: kill },
    { method: 'POST', path: '/v1/containers/:id/stop', deadlineMs: 'none', handle: (call) => stop(call, ports.clock) },
    { method: 'POST', path: '/v1/containers/:id/attach', deadlineMs: DEADLINE_MS, handle: attach },
    { method: 'GET', path: '/v1/containers/:id/logs', deadlineMs: 'none', handle: (call) => logs(call, ports) },
    { method: 'GET', path: '/v1/containers/:id/usage', deadlineMs: DEADLINE_MS, handle: usage },
    {
      method: 'GET',
      path: '/v1/containers/:id/actual',
      deadlineMs: DEADLINE_MS,
      handle: async ({ engine, params }) => {
        const found = await engine.status(idOf(params));
        return json(await observeContainer(ports.files, found, () => engine.plan(found.uid)));
      },
    },
    { method: 'POST', path: '/v1/explain', deadlineMs: LAUNCH_DEADLINE_MS, handle: explain },
    { method: 'GET', path: '/v1/events', deadlineMs: 'none', handle: events },
  ];
}

function idOf(params: Call['params']): string {
  return params.id ?? '';
}

async function list({ engine }: Call): Promise<Answer> {
  return json((await engine.list()).map(containerJson));
}

async function launch({ engine, body }: Call): Promise<Answer> {
  const request = parseBody(containerSchema, body, 'the container');
  const { status, stream, timings } = await engine.launch(configOf(request), secretsOf(request));
  return json({ status: containerJson(status), stream: stream ?? null, timings }, 201);
}

/** Launch and end in one answer; a client that leaves earlier leaves the container to itself. */
async function run({ engine, body, signal }: Call): Promise<Answer> {
  const request = parseBody(containerSchema, body, 'the container');
  const config = configOf(request);
  if (config.owned) throw agentErrors.badField({ field: 'owned', reason: 'the answer comes too late for an owner' });
  const { status, timings } = await engine.launch(config, secretsOf(request));
  const termination = await engine.wait(status.uid, signal);
  return json({ uid: status.uid, name: status.config.name, timings, termination: terminationJson(termination) });
}

async function create({ engine, params, body }: Call): Promise<Answer> {
  const request = parseBody(containerSchema, body, 'the container');
  const config = configOf({ ...request, name: idOf(params) });
  return json(containerJson(await engine.create(config, secretsOf(request))));
}

async function status({ engine, params }: Call): Promise<Answer> {
  return json(containerJson(await engine.status(idOf(params))));
}

async function check({ engine, params }: Call): Promise<Answer> {
  const found = await engine.check(idOf(params));
  return json({ status: found === undefined ? null : containerJson(found) });
}

async function destroy({ engine, params, body }: Call): Promise<Answer> {
  const { graceMs } = parseBody(destroySchema, body, 'destroy');
  await engine.destroy(idOf(params), graceMs === undefined ? {} : { graceMs });
  return json({});
}

async function remove({ engine, params, query }: Call): Promise<Answer> {
  const { force, volumes } = parseQuery(removeQuerySchema, query);
  await engine.remove(idOf(params), { force: force ?? false, volumes: volumes ?? false });
  return json({});
}

/** A long poll: `termination` is null when the time is over first. */
async function wait({ engine, params, query, signal }: Call, clock: Clock): Promise<Answer> {
  const { timeoutMs } = parseQuery(waitQuerySchema, query);
  const waited = (until: AbortSignal) => engine.wait(idOf(params), until);
  const termination = await withTimeout(waited, { clock, signal, timeoutMs: timeoutMs ?? DEFAULT_WAIT_MS });
  return json({ termination: termination === undefined ? null : terminationJson(termination) });
}

/** @returns `undefined` when the time is over first; rejects as `wait` does, and when `signal` aborts */
export async function withTimeout<Value>(
  wait: (until: AbortSignal) => Promise<Value>,
  bounds: { readonly clock: Clock; readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<Value | undefined> {
  const until = new AbortController();
  const follow = (): void => until.abort(bounds.signal.reason);
  bounds.signal.addEventListener('abort', follow, { once: true });
  const over = Promise.withResolvers<undefined>();
  const cancel = bounds.clock.after(bounds.timeoutMs, () => over.resolve(undefined));
  const waiting = wait(until.signal);
  waiting.catch(() => {}); // when the time is over nobody listens any more
  try {
    const first = await Promise.race([waiting, over.promise]);
    if (first === undefined) until.abort(); // lets go of what the wait holds
    return first;
  } finally {
    cancel();
    bounds.signal.removeEventListener('abort', follow);
  }
}

async function kill({ engine, params, body }: Call): Promise<Answer> {
  const { signal } = parseBody(killSchema, body, 'kill');
  await engine.kill(idOf(params), signal);
  return json({});
}

async function stop({ engine, params, body, signal }: Call, clock: Clock): Promise<Answer> {
  const { graceMs } = parseBody(stopSchema, body, 'stop');
  const deadlineMs = graceMs + STOP_SLACK_MS;
  const termination = await withTimeout(() => engine.stop(idOf(params), graceMs), {
    clock,
    signal,
    timeoutMs: deadlineMs,
  });
  if (termination === undefined) throw agentErrors.deadline({ route: 'stop', deadlineMs });
  return json({ termination: terminationJson(termination) });
}

async function attach({ engine, params }: Call): Promise<Answer> {
  return json(await engine.attach(idOf(params)));
}

async function logs({ engine, params, query, signal }: Call, ports: Ports): Promise<Answer> {
  const options = parseQuery(logsQuerySchema, query);
  const sources = logSourcesOf(await engine.logs(idOf(params)));
  if (options.timestamps === true && sources.some(({ format }) => format === 'raw')) {
    throw logErrors.noTimes({ option: 'timestamps' });
  }
  const follow = options.follow === true ? { ended: settled(engine.wait(idOf(params), signal)), signal } : undefined;
  const entries = readLogs(ports, sources, { tailLines: options.tail, sinceMs: options.sinceMs, follow });
  return { kind: 'stream', contentType: FRAMES, chunks: logFrames(entries, options.timestamps ?? false) };
}

/**
 * The reading begins later than the waiting, or never: a client that leaves before that must not leave a rejection
 * behind that nobody handles, for it would end the agent.
 */
function settled(waiting: Promise<unknown>): Promise<void> {
  return waiting.then(
    () => {},
    () => {},
  );
}

async function usage({ engine, params }: Call): Promise<Answer> {
  return json(await engine.usage(idOf(params)));
}

async function explain({ engine, body }: Call): Promise<Answer> {
  return json(explanationOf(await engine.explain(configOf(parseBody(containerSchema, body, 'the container')))));
}

async function events({ engine, signal }: { engine: Engine; signal: AbortSignal }): Promise<Answer> {
  return { kind: 'stream', contentType: NDJSON, chunks: ndjson(engine.events(signal)) };
}
