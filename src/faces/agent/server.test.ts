import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NO_CALLERS } from '../../base/callers.ts';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { MetricRegistry } from '../../base/metrics.ts';
import type { Engine } from '../../engine/facade.ts';
import { parseContainerUid } from '../../model/container-id.ts';
import { completeConfig } from '../../model/container-request.ts';
import { EngineError } from '../../model/error.ts';
import { openAccess } from './access/access.fixture.ts';
import { type Answer, ask } from './ask.fixture.ts';
import { LoggingLevel } from './diagnostics/logging-level.ts';
import { fakeEngine, statusOf } from './fake-engine.fixture.ts';
import { OperatorApi } from './operator/api.ts';
import { testJournal } from './request-journal.fixture.ts';
import { AgentServer } from './server.ts';

let directory: string;
let socketPath: string;
let server: AgentServer;
const silent = { info: () => {}, warn: () => {} };
const version = { version: '1', protocol: 1, node: '24', pid: 1, rootDir: '/r', stateDir: '/s' };
const statsUid = parseContainerUid('0123456789ab');
const COMPLETE = completeConfig({ rootfs: { kind: 'none' }, command: ['true'] });
const VOLUME_MADE = { subject: 'volume', kind: 'created', volume: 'data', position: '00000000-1', atMs: 1 } as const;
const HELLO = { rootfs: { kind: 'image', reference: 'hello' } };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isopod-agent-'));
  socketPath = join(directory, 'agent.sock');
  const { files, clock, helper } = nodeEffects();
  const logging = new LoggingLevel(clock, { level: 'info' });
  const journal = testJournal();
  const own = { metricRegistry: new MetricRegistry(), callers: NO_CALLERS, logging, journal };
  const about = { version: '1', launcher: 'linux', flags: { root: '/r' } } as const;
  const operator = new OperatorApi({ helper, clock, about, logging, journal });
  server = new AgentServer({
    files,
    clock,
    log: silent,
    version,
    probe: '/probe',
    operator,
    ...own,
    ...openAccess(directory),
  });
  await server.listen(socketPath);
});
afterEach(async () => {
  await server.close(100);
  await rm(directory, { recursive: true });
});

function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(socketPath, { method, path, body, headers });
}

function countingLaunches(): { engine: Engine; count: () => number } {
  let launches = 0;
  const engine = fakeEngine({
    launch: async (config) => {
      launches += 1;
      return { status: statusOf(config), stream: undefined, timings: [], warnings: [] };
    },
  });
  return { engine, count: () => launches };
}

test('until recovery is done every request is put off', async () => {
  const answer = await send('GET', '/v1/version');
  expect(answer.status).toBe(503);
  expect(answer.json()).toMatchObject({ code: 'agent.recovering' });
});

test('a launch answers with the status of the container', async () => {
  const { engine } = countingLaunches();
  server.serve(engine);
  const answer = await send('POST', '/v1/containers', { ...HELLO, name: 'web' });
  expect(answer.status).toBe(201);
  expect(answer.json()).toMatchObject({ status: { name: 'web', state: 'running', termination: null }, stream: null });
});

test('a run answers with the end of its command, and has no owner', async () => {
  const { engine } = countingLaunches();
  const end = { exitStatus: { kind: 'exited', code: 7 }, reason: 'exited', message: '', limitations: [] };
  server.serve(fakeEngine({ launch: engine.launch, wait: async () => ({ ...end, finishedAtMs: 3 }) as never }));
  const answer = await send('POST', '/v1/runs', HELLO);
  expect(answer.json()).toMatchObject({ uid: '0123456789ab', termination: { exitStatus: { code: 7 } } });
  expect((await send('POST', '/v1/runs', { ...HELLO, owned: true })).json()).toMatchObject({ code: 'agent.badField' });
});

test('a repeated key gets the first answer and launches once', async () => {
  const { engine, count } = countingLaunches();
  server.serve(engine);
  const headers = { 'idempotency-key': 'k1' };
  const answers = await Promise.all([1, 2].map(() => send('POST', '/v1/containers', HELLO, headers)));
  expect(answers.map(({ status }) => status)).toEqual([201, 201]);
  expect(count()).toBe(1);
});

test('a key that is used for two things is refused', async () => {
  server.serve(countingLaunches().engine);
  const headers = { 'idempotency-key': 'k1' };
  await send('POST', '/v1/containers', HELLO, headers);
  const answer = await send('POST', '/v1/explain', HELLO, headers);
  expect(answer.json()).toMatchObject({ code: 'agent.keyReused' });
});

test('a failure is not kept under its key', async () => {
  let calls = 0;
  const launch: Engine['launch'] = async (config) => {
    calls += 1;
    if (calls === 1) throw new EngineError({ kind: 'unavailable', code: 'test.down', message: 'down' });
    return { status: statusOf(config), stream: undefined, timings: [], warnings: [] };
  };
  server.serve(fakeEngine({ launch }));
  const headers = { 'idempotency-key': 'k1' };
  expect((await send('POST', '/v1/containers', HELLO, headers)).status).toBe(503);
  expect((await send('POST', '/v1/containers', HELLO, headers)).status).toBe(201);
});

test('an update names limits and devices, null takes a limit away, and what is neither is refused', async () => {
  const seen: unknown[] = [];
  const update: Engine['update'] = async (id, changes, others) => {
    seen.push(id, changes, others);
    return statusOf(COMPLETE);
  };
  server.serve(fakeEngine({ update }));
  const path = '/v1/containers/web/update';
  const answer = await send('POST', path, { resources: { memoryLimitBytes: 5, pidsLimit: null } });
  expect(answer.status).toBe(200);
  const devices = { remove: ['/dev/fuse'], addRules: ['c 1:3 r'] };
  expect((await send('POST', path, { devices, diskLimitBytes: 7 })).status).toBe(200);
  const others = { ...devices, diskLimitBytes: 7 };
  expect(seen).toEqual(['web', { memoryLimitBytes: 5, pidsLimit: null }, {}, 'web', {}, others]);
  for (const body of [{ resources: { colour: 1 } }, { devices: { colour: 1 } }, { colour: 1 }]) {
    expect((await send('POST', path, body)).json()).toMatchObject({ code: 'agent.unknownField' });
  }
  const malformed = await send('POST', path, { devices: { add: ['/dev/fuse'] } });
  expect(malformed.json()).toMatchObject({ code: 'agent.badField' });
});

const STATS = { uid: statsUid, name: 'web', state: 'running', startedAtMs: undefined, atMs: 7 } as const;

test('usage of the containers that are named is one document, or one a moment until the client goes', async () => {
  const asked: unknown[] = [];
  let isThere = true;
  server.serve(
    fakeEngine({
      check: async () => (isThere ? statusOf(COMPLETE) : undefined),
      stats: async (query) => {
        asked.push(query);
        return isThere ? [{ ...STATS, usage: { pids: 2 }, limits: {}, pressure: {}, unreadable: [] }] : [];
      },
    }),
  );
  const answer = (await send('GET', '/v1/stats?ids=web,db&all=true')).json();
  expect(asked).toEqual([{ ids: ['web', 'db'], all: true }]);
  expect(answer.containers).toMatchObject([{ name: 'web', startedAtMs: null, usage: { pids: 2 } }]);
  const lines = await firstLines('/v1/stats?ids=web&stream=true&intervalMs=100', 2, () => {
    isThere = false;
  });
  expect(lines.map((line) => JSON.parse(line).containers.length)).toEqual([1, 0]);
  expect((await send('GET', '/v1/stats?intervalMs=1')).json()).toMatchObject({ code: 'agent.badField' });
});

/** The first lines of a stream; then the client goes. */
function firstLines(path: string, count: number, afterFirst: () => void): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method: 'GET', path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('error', () => {}); // our own going
      response.on('data', (chunk: string) => {
        if (text === '') afterFirst();
        text += chunk;
        const lines = text.split('\n');
        if (lines.length <= count) return;
        resolve(lines.slice(0, count));
        sent.destroy();
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('a body over 1 MiB is refused', async () => {
  server.serve(countingLaunches().engine);
  const answer = await send('POST', '/v1/containers', `"${'x'.repeat(1 << 20)}"`);
  expect([answer.status, answer.json().code]).toEqual([413, 'agent.bodyTooLarge']);
});

test('a body that is not JSON is refused', async () => {
  server.serve(countingLaunches().engine);
  expect((await send('POST', '/v1/containers', '{')).json()).toMatchObject({ code: 'agent.notJson' });
});

test('a wait that is over first answers null', async () => {
  server.serve(fakeEngine({ wait: () => new Promise(() => {}) }));
  const answer = await send('GET', '/v1/containers/web/wait?timeoutMs=20');
  expect(answer.json()).toEqual({ termination: null });
});

test('an error of the engine keeps its code, remedy and details', async () => {
  const error = new EngineError({
    kind: 'not-found',
    code: 'engine.unknownContainer',
    message: 'no container "web"',
    remedy: 'look',
    details: { id: 'web' },
  });
  server.serve(fakeEngine({ status: () => Promise.reject(error) }));
  const answer = await send('GET', '/v1/containers/web');
  expect(answer.status).toBe(404);
  expect(answer.json()).toEqual({
    kind: 'not-found',
    code: 'engine.unknownContainer',
    message: 'no container "web"',
    remedy: 'look',
    details: { id: 'web' },
  });
});

test('a pull streams its progress, then the error', async () => {
  const pullImage: Engine['pullImage'] = async (_reference, { onProgress }) => {
    onProgress?.({ kind: 'layer', digest: 'sha256:a', state: 'fetching', doneBytes: 1 });
    throw new EngineError({ kind: 'data-loss', code: 'images.digest', message: 'wrong digest' });
  };
  server.serve(fakeEngine({ pullImage }));
  const lines = (await send('POST', '/v1/images/pull', { reference: 'x' })).text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([{ progress: { kind: 'layer' } }, { error: { code: 'images.digest' } }]);
});

test('events are streamed until the agent stops', async () => {
  const taken = Promise.withResolvers<void>();
  const events: Engine['events'] = async function* (signal) {
    yield VOLUME_MADE;
    taken.resolve();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  };
  server.serve(fakeEngine({ events }));
  const answer = send('GET', '/v1/events');
  await taken.promise;
  expect(server.idleMs).toBe(0);
  await server.close(1_000);
  expect(JSON.parse((await answer).text)).toMatchObject({ volume: 'data' });
});

test('an unknown query parameter is refused by its name', async () => {
  server.serve(fakeEngine({}));
  expect((await send('DELETE', '/v1/containers/web?forced=true')).json()).toMatchObject({
    code: 'agent.unknownField',
    details: { fields: ['forced'] },
  });
});

// An unhandled rejection ends a process of Node, and vitest fails for one.
test('a followed log that cannot be read leaves nothing behind when its client goes', async () => {
  let left: (() => void) | undefined;
  server.serve(
    fakeEngine({
      logs: async () => [{ format: 'raw', stream: 'stdout', paths: ['/r/logs/stdout'] }],
      wait: (_id, signal) =>
        new Promise((_resolve, reject) => {
          const gone = new Promise<void>((resolve) => {
            left = resolve;
          });
          signal?.addEventListener('abort', () => reject(signal.reason));
          void gone.then(() => reject(new Error('the engine is closed')));
        }),
    }),
  );
  await send('GET', '/v1/containers/web/logs?follow=true&sinceMs=0').catch(() => {});
  left?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
  server.serve(fakeEngine({ list: async () => [] }));
  expect((await send('GET', '/v1/containers')).status).toBe(200);
});

test('a reader that lags again and again leaves one pair of listeners, not one for each time', async () => {
  const events: Engine['events'] = async function* () {
    for (let n = 0; n < 64; n++) yield { ...VOLUME_MADE, atMs: n, volume: 'x'.repeat(128 * 1024) };
  };
  server.serve(fakeEngine({ events }));
  const warnings: Error[] = [];
  const note = (warning: Error): number => warnings.push(warning);
  process.on('warning', note);
  const lines = (await send('GET', '/v1/events')).text.trim().split('\n');
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('warning', note);
  expect(lines).toHaveLength(64);
  expect(warnings.map(({ message }) => message)).toEqual([]);
});
