import type { z } from 'zod';
import type { Clock, Files } from '../../base/effects.ts';
import { logErrors, readLogs } from '../../io/log-reader.ts';
import { graceMsOf } from '../../model/stop-request.ts';
import { observeContainer } from './actual.ts';
import {
  actualAnswer,
  attachAnswer,
  checkAnswer,
  containerAnswer,
  containersAnswer,
  emptyAnswer,
  stopAnswer,
  usageAnswer,
  waitAnswer,
} from './answer-schemas.ts';
import { agentErrors } from './errors.ts';
import { launchRoutes } from './launch-routes.ts';
import { killOnce } from './repeated-signal.ts';
import { type Answer, type Call, defineRoute, json, type Route } from './router.ts';
import {
  destroySchema,
  killSchema,
  logsQuerySchema,
  removeQuerySchema,
  stopSchema,
  waitQuerySchema,
} from './schemas.ts';
import { FRAMES, logFrames } from './streams.ts';
import { containerJson, logSourcesOf, terminationJson } from './translate.ts';
import { withTimeout } from './with-timeout.ts';

const DEADLINE_MS = 60_000;
const STOP_SLACK_MS = 60_000;
const DEFAULT_WAIT_MS = 30_000;

interface Ports {
  readonly files: Files;
  readonly clock: Clock;
}

/** Everything about containers; `id` is a uid, a name or an unambiguous uid prefix. */
export function containerRoutes(ports: Ports): readonly Route[] {
  return [...launchRoutes(), ...lookRoutes(ports), ...endRoutes(ports)];
}

function lookRoutes(ports: Ports): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'containers' },
      summary: 'All containers, those that have ended and were not removed included.',
      answer: { kind: 'json', schema: containersAnswer },
      handle: async ({ engine }) => json((await engine.list()).map(containerJson)),
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'container' },
      summary: 'All that is known of a container.',
      answer: { kind: 'json', schema: containerAnswer },
      handle: status,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/check', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'container' },
      summary: 'The same, or null for one that is not there.',
      answer: { kind: 'json', schema: checkAnswer },
      handle: check,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/logs', deadlineMs: 'none' },
      needs: { role: 'read', of: 'container' },
      summary: 'What a container has written so far, and with `follow` what it writes until its end.',
      query: logsQuerySchema,
      answer: { kind: 'frames', of: 'stdout and stderr' },
      handle: (call) => logs(call, ports),
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/usage', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'container' },
      summary: 'What a container uses, by the names of its isolators.',
      answer: { kind: 'json', schema: usageAnswer },
      handle: usage,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/actual', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'container' },
      summary: 'What a container really has, as the kernel tells, beside what its plan asked for.',
      answer: { kind: 'json', schema: actualAnswer },
      handle: async ({ engine, params }) => {
        const found = await engine.status(idOf(params));
        return json(await observeContainer(ports.files, found, () => engine.plan(found.uid)));
      },
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/attach', deadlineMs: DEADLINE_MS, isUnwritten: true },
      needs: { role: 'operate', of: 'container' },
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
      needs: { role: 'read', of: 'container' },
      summary: 'Waits for the end of a container; null when `timeoutMs` (30000 unless said) is over first.',
      query: waitQuerySchema,
      answer: { kind: 'json', schema: waitAnswer },
      handle: (call) => wait(call, clock),
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/kill', deadlineMs: DEADLINE_MS },
      needs: { role: 'operate', of: 'container' },
      summary: 'Sends a signal to the first process, with `all` to every process in it.',
      body: { schema: killSchema, where: 'kill' },
      answer: { kind: 'json', schema: emptyAnswer },
      handle: kill,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/stop', deadlineMs: 'none' },
      needs: { role: 'operate', of: 'container' },
      summary:
        'Sends the stop signal, and SIGKILL to all after `graceMs` (`stopGraceMs` of its config, or 10 s, unless said); answers with the end.',
      body: { schema: stopSchema, where: 'stop' },
      answer: { kind: 'json', schema: stopAnswer },
      handle: (call) => stop(call, clock),
    }),
    defineRoute({
      ...{ method: 'DELETE', path: '/v1/containers/:id', deadlineMs: DEADLINE_MS },
      needs: { role: 'operate', of: 'container' },
      summary: 'Forgets a container that has ended; with `force` one that runs, too.',
      query: removeQuerySchema,
      answer: { kind: 'json', schema: emptyAnswer },
      handle: remove,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/destroy', deadlineMs: 'none' },
      needs: { role: 'operate', of: 'container' },
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

async function remove(call: Call<unknown, z.output<typeof removeQuerySchema>>): Promise<Answer> {
  const { engine, params, query, begun } = call;
  if (begun?.subject !== undefined && (await engine.check(begun.subject)) === undefined) return json({}); // it is done
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

async function kill({ engine, params, body, begun }: Call<z.output<typeof killSchema>>): Promise<Answer> {
  await killOnce(engine, { id: idOf(params), signal: body.signal, begun }, { all: body.all ?? false });
  return json({});
}

async function stop(
  { engine, params, body: { graceMs }, signal, begun }: Call<z.output<typeof stopSchema>>,
  clock: Clock,
): Promise<Answer> {
  if (begun?.subject !== undefined && (await engine.check(begun.subject)) === undefined) {
    return json({ termination: terminationJson(await engine.wait(begun.subject)) }); // it went with its end
  }
  const waitsMs = graceMs ?? graceMsOf((await engine.status(idOf(params))).config);
  const deadlineMs = waitsMs + STOP_SLACK_MS;
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
  const { tail: tailLines, sinceMs, untilMs } = options;
  const entries = readLogs(ports, sources, { tailLines, sinceMs, untilMs, follow });
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
