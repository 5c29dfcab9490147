import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { Tokens } from '../../src/faces/agent/access/tokens.ts';
import { errorAnswerSchema } from '../../src/faces/agent/answer-schemas.ts';
import { LoggingLevel } from '../../src/faces/agent/diagnostics/logging-level.ts';
import { findRoute } from '../../src/faces/agent/router.ts';
import { agentRoutes } from '../../src/faces/agent/routes.ts';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import { Installation } from './support/installation.ts';

let isopod: Installation;
beforeAll(async () => {
  isopod = new Installation();
  await isopod.expect(['pull', '-q', 'hello']);
});
afterAll(() => isopod.close());

const { files, clock, random } = nodeEffects();
const nobody = { version: '', protocol: 0, node: '', pid: 0, rootDir: '', stateDir: '' };
const tokens = { tokens: new Tokens({ files, clock, random, path: '' }), openTokenSocket: async () => {} };
const logging = new LoggingLevel(clock, { level: 'info' });
const ROUTES = agentRoutes({ files, clock, version: nobody, probe: '', logging, tokens });
/** What was asked in this file, as the reference names it. */
const asked = new Set<string>();

interface Sent {
  readonly status: number;
  readonly values: readonly unknown[];
}

/** Sends what a program with the reference in its hand would send; the answer must be as it says. */
async function send(method: string, path: string, body?: unknown): Promise<Sent> {
  const { status, type, text } = await exchange(method, path, body);
  const values = type === 'application/json' ? [JSON.parse(text)] : text.trim().split('\n').filter(Boolean).map(parse);
  if (status >= 400) return { status, values: [errorAnswerSchema.parse(values[0])] };
  const { route } = findRoute(ROUTES, method, path.split('?')[0] ?? '');
  asked.add(`${route.method} ${route.path}`);
  expect(status).toBe(route.status ?? 200);
  const { answer } = route;
  if ('schema' in answer) for (const value of values) answer.schema.parse(value);
  return { status, values };
}

function parse(line: string): unknown {
  return JSON.parse(line);
}

function exchange(
  method: string,
  path: string,
  body: unknown,
): Promise<{ status: number; type: string; text: string }> {
  return new Promise((resolve, reject) => {
    const socketPath = join(isopod.state, 'agent.sock');
    const sent = request({ socketPath, method, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      const type = response.headers['content-type'] ?? '';
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, type, text: type.includes('json') ? text : '' }),
      );
    });
    sent.on('error', reject);
    sent.end(body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  });
}

/** Two blocks of zeros are an archive with nothing in it (POSIX.1-2017, pax). */
const EMPTY_ARCHIVE = Buffer.alloc(1024);
const HELLO = { rootfs: { kind: 'image', reference: 'hello' } };
const SLEEPER = { rootfs: { kind: 'none' }, command: ['sleep', '100'], network: 'none' };

test('a life through the API is answered as the reference says, call by call', async () => {
  await send('GET', '/v1/version');
  await send('GET', '/metrics');
  await send('GET', '/v1/debug/logging-level');
  await send('PUT', '/v1/debug/logging-level', { level: 'debug', durationMs: 60_000 });
  await send('GET', '/v1/debug/operations');
  await send('GET', '/v1/debug/damaged-records');
  await send('GET', '/v1/images');
  expect((await send('POST', '/v1/runs', { ...HELLO, autoRemove: true })).values).toMatchObject([
    { termination: { exitStatus: { kind: 'exited', code: 0 } } },
  ]);
  await send('POST', '/v1/explain', HELLO);
  await send('POST', '/v1/containers', { ...SLEEPER, name: 'web' });
  expect((await send('DELETE', '/v1/launches/over')).values).toEqual([{ isGivenUp: false }]);
  await send('PUT', '/v1/containers/web', SLEEPER);
  await send('GET', '/v1/containers');
  for (const what of ['', '/check', '/usage', '/actual', '/logs', '/wait?timeoutMs=1']) {
    await send('GET', `/v1/containers/web${what}`);
  }
  await send('GET', '/v1/stats?ids=web');
  await send('POST', '/v1/containers/web/attach');
  await send('POST', '/v1/containers/web/pause');
  await send('POST', '/v1/containers/web/unpause');
  await send('POST', '/v1/containers/web/update', { resources: { pidsLimit: 50 } });
  await send('POST', '/v1/containers/web/start', {});
  await send('POST', '/v1/containers/web/restart', { graceMs: 0 });
  await send('GET', '/v1/containers/web/wait-for?condition=running&timeoutMs=1');
  await send('GET', '/v1/containers/web/path?path=/etc');
  await send('GET', '/v1/containers/web/files?path=/etc/hosts');
  await send('PUT', '/v1/containers/web/files?path=/tmp', EMPTY_ARCHIVE);
  const [session] = (await send('POST', '/v1/containers/web/exec', { command: ['sleep', '100'] })).values;
  const { id } = session as { readonly id: string };
  await send('POST', `/v1/sessions/${id}/signal`, { signal: 9 });
  expect((await send('GET', `/v1/sessions/${id}/wait`)).values).toMatchObject([
    { termination: { exitStatus: { kind: 'signaled', signal: 9 } } },
  ]);
  await send('POST', '/v1/containers/web/kill', { signal: 9 });
  await send('POST', '/v1/containers/web/stop', { graceMs: 0 });
  await send('DELETE', '/v1/containers/web');
  await send('POST', '/v1/containers/web/destroy');
  await send('POST', '/v1/containers/prune', { volumes: true });
  await send('POST', '/v1/volumes', { name: 'data', labels: { a: 'b' } });
  await send('GET', '/v1/volumes');
  await send('GET', '/v1/volumes/data');
  await send('DELETE', '/v1/volumes/data');
  await send('POST', '/v1/volumes/prune', { all: true });
  const filters = encodeURIComponent(JSON.stringify({ containers: ['web'], subjects: ['container'] }));
  const { values } = await send('GET', `/v1/events?sinceMs=0&untilMs=0&filters=${filters}`);
  expect(values).toMatchObject([{ subject: 'stream', kind: 'gap', missed: 'unknown' }]);
  const now = Date.now();
  const kinds = (await send('GET', `/v1/events?sinceMs=0&untilMs=${now}&filters=${filters}`)).values.slice(1);
  expect(kinds.map((event) => (event as { readonly kind: string }).kind)).toEqual(
    expect.arrayContaining(['started', 'terminated', 'removed']),
  );
  await send('POST', '/v1/security-report', HELLO);
  await send('POST', '/v1/images/pull', { reference: 'hello' });
  await send('POST', '/v1/images/verify', { images: ['hello'], repair: true });
  await send('GET', '/v1/system/df');
  await send('POST', '/v1/containers', { ...HELLO, name: 'made' });
  await send('GET', '/v1/containers/made/wait');
  await send('GET', '/v1/containers/made/changes');
  await send('GET', '/v1/containers/made/export');
  await send('POST', '/v1/containers/made/commit', { reference: 'made', changes: ['ENV A=1'] });
  await send('DELETE', '/v1/containers/made');
  await send('POST', '/v1/images/made/tag', { reference: 'made:2' });
  await send('GET', '/v1/images/made');
  await send('GET', '/v1/images/made%3A2/history');
  await send('POST', '/v1/images/push', { image: 'hello', target: `oci:${isopod.root}/layout` });
  const copy = { source: `oci:${isopod.root}/layout`, target: `docker-archive:${isopod.root}/hello.tar:hello:1` };
  await send('POST', '/v1/images/copy', { ...copy, all: true });
  await send('POST', '/v1/images/save', { images: ['hello'] });
  const archive = readFileSync(join(isopod.root, 'hello.tar'));
  expect((await send('PUT', '/v1/images/load', archive)).values).toMatchObject([
    [{ references: expect.arrayContaining(['docker.io/library/hello:1']) }],
  ]);
  await send('PUT', '/v1/images/import?reference=empty', EMPTY_ARCHIVE);
  await send('DELETE', '/v1/images/hello');
  await send('POST', '/v1/images/prune', { all: true, exclude: ['hello'] });
  const [made] = (await send('POST', '/v1/tokens', { name: 'ci', role: 'read' })).values;
  await send('GET', '/v1/tokens');
  await send('DELETE', `/v1/tokens/${(made as { readonly info: { readonly id: string } }).info.id}`);
});

test('registries are asked as the reference says', async () => {
  const registry = await FakeRegistry.start();
  try {
    registry.put('/v2/', Buffer.from('{}'));
    registry.put('/v2/_catalog?n=1000', Buffer.from('{"repositories":["app"]}'));
    const credential = { kind: 'password', username: 'me', password: 'secret' };
    await send('POST', '/v1/registries/login', { registry: registry.host, credential });
    const found = await send('POST', '/v1/registries/search', { registry: registry.host, term: 'app' });
    expect(found.values).toMatchObject([[{ name: 'app', stars: null }]]);
  } finally {
    await registry.stop();
  }
});

test('what the life above leaves out are the streams without an end, and the cancelling of what hangs', () => {
  const all = ROUTES.map(({ method, path }) => `${method} ${path}`);
  expect(all.filter((name) => !asked.has(name))).toEqual([
    'GET /v1/containers/:id/pressure',
    'POST /v1/debug/operations/:id/cancel',
    'GET /v1/streams/:id',
  ]);
});

test('what a call does not take is refused by its name, in the query and in the body', async () => {
  expect((await send('GET', '/v1/containers?all=1')).values).toMatchObject([{ code: 'agent.unknownField' }]);
  expect((await send('POST', '/v1/containers/web/pause', { now: true })).values).toMatchObject([
    { code: 'agent.unknownField', details: { fields: ['now'] } },
  ]);
});
