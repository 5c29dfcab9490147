import type { z } from 'zod';
import type { Clock, Files } from '../../base/effects.ts';
import { logErrors, readLogs } from '../../io/log-reader.ts';
import { observeContainer } from './actual.ts';
import {
  actualAnswer,
  attachAnswer,
  checkAnswer,
  containerAnswer,
  containersAnswer,
  emptyAnswer,
  launchAnswer,
  planAnswer,
  runAnswer,
  stopAnswer,
  usageAnswer,
  waitAnswer,
} from './answer-schemas.ts';
import { agentErrors } from './errors.ts';
import { type Answer, type Call, defineRoute, json, type Route } from './router.ts';
import {
  containerSchema,
  destroySchema,
  killSchema,
  launchQuerySchema,
  logsQuerySchema,
  removeQuerySchema,
  stopSchema,
  waitQuerySchema,
} from './schemas.ts';
import { FRAMES, logFrames } from './streams.ts';
import { configOf, containerJson, explanationOf, logSourcesOf, secretsOf, terminationJson } from './translate.ts';
import { withTimeout } from './with-timeout.ts';

/** A launch may pull its image first, so it has longer than anything else. */
const LAUNCH_DEADLINE_MS = 30 * 60_000;
const DEADLINE_MS = 60_000;
const STOP_SLACK_MS = 60_000;
const DEFAULT_WAIT_MS = 30_000;

interface Ports {
  readonly files: Files;
  readonly clock: Clock;
}

const CONTAINER = { schema: containerSchema, where: 'the container' };
type ContainerBody = z.output<typeof containerSchema>;

/** Everything about containers; `id` is a uid, a name or an unambiguous uid prefix. */
export function containerRoutes(ports: Ports): readonly Route[] {
  return [...launchRoutes(), ...lookRoutes(ports), ...endRoutes(ports)];
}

function launchRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers', deadlineMs: LAUNCH_DEADLINE_MS, status: 201 },
      summary: 'Makes and starts a container; its image is pulled first, as the pull policy says.',
      notes:
        'With `owned` the answer has a ticket for its streams, and its output waits for who presents it. ' +
        'With `pulledByCaller` an image that is not here is refused (`engine.imageMissing`), whatever the pull policy that is kept.',
      query: launchQuerySchema,
      body: CONTAINER,
      answer: { kind: 'json', schema: launchAnswer },
      handle: launch,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/runs', deadlineMs: 'none' },
      summary: 'Launches a container and waits for its end, in one answer.',
      notes: 'A client that leaves earlier leaves the container to itself. `owned` is refused.',
      body: CONTAINER,
      answer: { kind: 'json', schema: runAnswer },
      handle: run,
    }),
    defineRoute({
      ...{ method: 'PUT', path: '/v1/containers/:id', deadlineMs: LAUNCH_DEADLINE_MS },
      summary: 'Launches a container of this name, unless one with this config is there already.',
      body: CONTAINER,
      answer: { kind: 'json', schema: containerAnswer },
      handle: create,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/explain', deadlineMs: LAUNCH_DEADLINE_MS },
      summary: 'The plan that would be launched; nothing runs, and nothing is left.',
      body: CONTAINER,
      answer: { kind: 'json', schema: planAnswer },
      handle: explain,
    }),
  ];
}

function lookRoutes(ports: Ports): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers', deadlineMs: DEADLINE_MS },
      summary: 'All containers, those that have ended and were not removed included.',
      answer: { kind: 'json', schema: containersAnswer },
      handle: list,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id', deadlineMs: DEADLINE_MS },
      summary: 'All that is known of a container.',
      answer: { kind: 'json', schema: containerAnswer },
      handle: status,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/check', deadlineMs: DEADLINE_MS },
      summary: 'The same, or null for one that is not there.',
      answer: { kind: 'json', schema: checkAnswer },
      handle: check,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/logs', deadlineMs: 'none' },
      summary: 'What a container has written so far, and with `follow` what it writes until its end.',
      query: logsQuerySchema,
      answer: { kind: 'frames', of: 'stdout and stderr' },
      handle: (call) => logs(call, ports),
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/usage', deadlineMs: DEADLINE_MS },
      summary: 'What a container uses, by the names of its isolators.',
      answer: { kind: 'json', schema: usageAnswer },
      handle: usage,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/actual', deadlineMs: DEADLINE_MS },
      summary: 'What a container really has, as the kernel tells, beside what its plan asked for.',
      answer: { kind: 'json', schema: actualAnswer },
      handle: async ({ engine, params }) => {
        const found = await engine.status(idOf(params));
        return json(await observeContainer(ports.files, found, () => engine.plan(found.uid)));
      },
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/attach', deadlineMs: DEADLINE_MS },
      summary: 'A ticket for one more observer of the streams of a running container.',
      answer: { kind: 'json', schema: attachAnswer },
      handle: attach,
    }),
  ];
}

function endRoutes({ clock }: Ports): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/wait', deadlineMs: 'none' },
      summary: 'Waits for the end of a container; null when `timeoutMs` (30000 unless said) is over first.',
      query: waitQuerySchema,
      answer: { kind: 'json', schema: waitAnswer },
      handle: (call) => wait(call, clock),
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/kill', deadlineMs: DEADLINE_MS },
      summary: 'Sends a signal to the first process.',
      body: { schema: killSchema, where: 'kill' },
      answer: { kind: 'json', schema: emptyAnswer },
      handle: kill,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/stop', deadlineMs: 'none' },
      summary: 'Sends the stop signal, and SIGKILL to all after `graceMs`; answers with the end.',
      body: { schema: stopSchema, where: 'stop' },
      answer: { kind: 'json', schema: stopAnswer },
      handle: (call) => stop(call, clock),
    }),
    defineRoute({
      ...{ method: 'DELETE', path: '/v1/containers/:id', deadlineMs: DEADLINE_MS },
      summary: 'Forgets a container that has ended; with `force` one that runs, too.',
      query: removeQuerySchema,
      answer: { kind: 'json', schema: emptyAnswer },
      handle: remove,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/destroy', deadlineMs: 'none' },
      summary: 'Ends every process of a container and forgets it with its volumes; fine for one that is not there.',
      body: { schema: destroySchema, where: 'destroy' },
      answer: { kind: 'json', schema: emptyAnswer },
      handle: destroy,
    }),
  ];
}

function idOf(params: Call['params']): string {
  return params.id ?? '';
}

async function list({ engine }: Call): Promise<Answer> {
  return json((await engine.list()).map(containerJson));
}

async function launch({
  engine,
  body: request,
  query,
}: Call<ContainerBody, z.output<typeof launchQuerySchema>>): Promise<Answer> {
  const how = { isPulledByCaller: query.pulledByCaller === true };
  const { status, stream, timings } = await engine.launch(configOf(request), secretsOf(request), how);
  return json({ status: containerJson(status), stream: stream ?? null, timings }, 201);
}

/** Launch and end in one answer; a client that leaves earlier leaves the container to itself. */
async function run({ engine, body: request, signal }: Call<ContainerBody>): Promise<Answer> {
  const config = configOf(request);
  if (config.owned) throw agentErrors.badField({ field: 'owned', reason: 'the answer comes too late for an owner' });
  const { status, timings } = await engine.launch(config, secretsOf(request));
  const termination = await engine.wait(status.uid, signal);
  return json({ uid: status.uid, name: status.config.name, timings, termination: terminationJson(termination) });
}

async function create({ engine, params, body: request }: Call<ContainerBody>): Promise<Answer> {
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

async function destroy({ engine, params, body: { graceMs } }: Call<z.output<typeof destroySchema>>): Promise<Answer> {
  await engine.destroy(idOf(params), graceMs === undefined ? {} : { graceMs });
  return json({});
}

async function remove({ engine, params, query }: Call<unknown, z.output<typeof removeQuerySchema>>): Promise<Answer> {
  const { force, volumes } = query;
  await engine.remove(idOf(params), { force: force ?? false, volumes: volumes ?? false });
  return json({});
}

/** A long poll: `termination` is null when the time is over first. */
async function wait(
  { engine, params, query: { timeoutMs }, signal }: Call<unknown, z.output<typeof waitQuerySchema>>,
  clock: Clock,
): Promise<Answer> {
  const waited = (until: AbortSignal) => engine.wait(idOf(params), until);
  const termination = await withTimeout(waited, { clock, signal, timeoutMs: timeoutMs ?? DEFAULT_WAIT_MS });
  return json({ termination: termination === undefined ? null : terminationJson(termination) });
}

async function kill({ engine, params, body }: Call<z.output<typeof killSchema>>): Promise<Answer> {
  await engine.kill(idOf(params), body.signal);
  return json({});
}

async function stop(
  { engine, params, body: { graceMs }, signal }: Call<z.output<typeof stopSchema>>,
  clock: Clock,
): Promise<Answer> {
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

async function logs(
  { engine, params, query: options, signal }: Call<unknown, z.output<typeof logsQuerySchema>>,
  ports: Ports,
): Promise<Answer> {
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

async function explain({ engine, body }: Call<ContainerBody>): Promise<Answer> {
  return json(explanationOf(await engine.explain(configOf(body))));
}
