import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NO_CALLERS } from '../../../base/callers.ts';
import { nodeEffects } from '../../../base/effects/node-effects.ts';
import { MetricRegistry } from '../../../base/metrics.ts';
import type { Role, Scope } from '../../../model/access.ts';
import { LoggingLevel } from '../diagnostics/logging-level.ts';
import { OperatorApi } from '../operator/api.ts';
import { PLAIN_CALLS } from '../operator/calls.ts';
import { testJournal } from '../request-journal.fixture.ts';
import type { Route } from '../router.ts';
import { agentRoutes } from '../routes.ts';
import { AgentServer } from '../server.ts';
import { openAccess } from './access.fixture.ts';
import type { AuditRecord } from './audit.ts';
import { dividedEngine, MARK, MINE, MY_SESSION, THEIR_SESSION, THEIRS } from './foreign.fixture.ts';
import { IMAGE_BODIES } from './foreign-images.fixture.ts';

const version = { version: '1', protocol: 1, node: '24', pid: 1, rootDir: '/r', stateDir: '/s' };
const { files, clock, helper } = nodeEffects();
const ports = { files, clock, version, probe: '/probe', logging: new LoggingLevel(clock, { level: 'info' }) };
const ROUTES = agentRoutes({ ...ports, ...openAccess('/nowhere') });
const SCOPE: Scope = { labels: { team: 'a' } };

/** A body for each route that takes one: a route without one here is a failed test, not one that was not tried. */
const HELLO = { rootfs: { kind: 'image', reference: 'hello' }, command: ['true'] };
const BODIES: Readonly<Record<string, unknown>> = {
  'POST /v1/containers': HELLO,
  'POST /v1/runs': HELLO,
  'PUT /v1/containers/:id': HELLO,
  'POST /v1/explain': HELLO,
  'POST /v1/security-report': HELLO,
  'POST /v1/containers/:id/kill': { signal: 9 },
  'POST /v1/containers/:id/stop': { graceMs: 0 },
  'POST /v1/containers/:id/start': {},
  'POST /v1/containers/:id/restart': { graceMs: 0 },
  'POST /v1/containers/:id/destroy': {},
  'POST /v1/containers/:id/update': { resources: { pidsLimit: 5 } },
  'POST /v1/containers/:id/exec': { command: ['sh'] },
  'POST /v1/sessions/:id/signal': { signal: 9 },
  ...{ ...IMAGE_BODIES, 'POST /v1/containers/prune': {} },
  'POST /v1/volumes': { name: 'new' },
  'POST /v1/volumes/prune': { all: true },
  'PUT /v1/debug/logging-level': { level: 'trace' },
  'POST /v1/tokens': { name: 'x', role: 'admin' },
};
const QUERIES: Readonly<Record<string, string>> = {
  'GET /v1/containers/:id/wait': '?timeoutMs=1',
  'GET /v1/sessions/:id/wait': '?timeoutMs=1',
  'GET /v1/containers/:id/pressure': '?resource=cpu&kind=some&stallUs=500000&windowUs=1000000',
};
/** Those that take one that is not there for done, or tell so. */
const FINE_WITHOUT = ['GET /v1/containers/:id/check', 'POST /v1/containers/:id/destroy'];

let directory: string;
let server: AgentServer;
let done: string[];
let audit: AuditRecord[];
let tokenOf: (role: Role, scope?: Scope) => Promise<string>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isopod-foreign-'));
  [done, audit] = [[], []];
  const access = openAccess(directory, { audit: (record) => audit.push(record) });
  const journal = testJournal();
  const { logging } = ports;
  const about = { version: '1', launcher: 'linux', flags: {} } as const;
  const operator = new OperatorApi({ helper, clock, about, logging, journal });
  const log = { info: () => {}, warn: () => {} };
  server = new AgentServer({
    ...{ ...ports, log, journal, operator },
    ...{ metricRegistry: new MetricRegistry(), callers: NO_CALLERS, ...access },
  });
  tokenOf = async (role, scope) => (await access.tokens.tokens.create({ name: 'ci', role, scope })).token;
  await server.listen(join(directory, 'agent.sock'), 'token socket');
  server.serve(dividedEngine((call, values) => done.push(`${call} ${JSON.stringify(values)}`)));
});
afterEach(async () => {
  await server.close(100);
  await rm(directory, { recursive: true });
});

interface Sent {
  readonly status: number;
  readonly text: string;
}

function send(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const socketPath = join(directory, 'agent.sock');
    const sent = request({ socketPath, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end(body === undefined || body instanceof Buffer ? body : JSON.stringify(body));
  });
}

const nameOf = ({ method, path }: Route): string => `${method} ${path}`;

async function call(route: Route, named: string, token: string, body = BODIES[nameOf(route)]): Promise<Sent> {
  if (route.body !== undefined) expect(body, `a body for ${nameOf(route)}`).toBeDefined();
  const query = QUERIES[nameOf(route)] ?? (/(path|files)$/.test(route.path) ? '?path=/etc' : '');
  const path = `${route.path.replace(/:\w+/, named)}${query}`;
  return send(route.method, path, body, { authorization: `Bearer ${token}` });
}

/** Ways to name what is foreign, as the subject of a route has it. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  container: [
    THEIRS,
    'theirs',
    'bbbb',
    '%62%62%62%62',
    `..%2Fcontainers%2F${THEIRS}`,
    `${MINE}%2F..%2F${THEIRS}`,
    `${THEIRS}%00`,
  ],
  session: [THEIR_SESSION, THEIRS, `..%2F${THEIR_SESSION}`],
  stream: [THEIRS, 'theirs', THEIR_SESSION],
  volume: ['their-data', '..%2Ftheir-data', 'their%2Ddata'],
};

describe.each(['operate', 'admin'] as const)('with role %s and a scope', (role) => {
  test.each(ROUTES.map((route) => [nameOf(route), route] as const))(
    '%s reaches nothing foreign',
    async (name, route) => {
      const token = await tokenOf(role, SCOPE);
      for (const named of FOREIGN[route.needs.of] ?? ['x']) {
        const { status, text } = await call(route, named, token);
        expect(text).not.toContain(MARK);
        if (route.needs.of in FOREIGN) {
          expect(FINE_WITHOUT.includes(name) ? [200] : [404], `${named}: ${text}`).toContain(status);
          expect(done).toEqual([]);
        } else if (route.needs.of === 'agent' || route.needs.of.startsWith('new')) {
          expect(status, text).toBe(403);
          expect(done).toEqual([]);
        } else {
          expect(`${done.join()} ${text}`).not.toMatch(/their|bbbb/);
        }
      }
    },
  );

  test.each(
    ROUTES.filter(({ needs }) => needs.of in FOREIGN && needs.of !== 'volume').map(
      (route) => [nameOf(route), route] as const,
    ),
  )('%s reaches what is its own, by its uid', async (_, route) => {
    const token = await tokenOf(role, SCOPE);
    const { status, text } = await call(route, route.needs.of === 'session' ? MY_SESSION : 'mine', token);
    expect(status, text).not.toBe(404);
    expect(status).not.toBe(403);
  });
});

test.each(ROUTES.map((route) => [nameOf(route), route] as const))(
  '%s is refused without a credential',
  async (_, route) => {
    const path = route.path.replace(/:\w+/, MINE);
    expect((await send(route.method, path, BODIES[nameOf(route)], {})).status).toBe(401);
    expect((await send(route.method, path, undefined, { authorization: 'Basic cm9vdDo=' })).status).toBe(401);
    expect(done).toEqual([]);
  },
);

test.each(ROUTES.filter(({ needs }) => needs.role !== 'read').map((route) => [nameOf(route), route] as const))(
  '%s is refused to who may only look, before his body is read',
  async (_, route) => {
    const { status, text } = await call(route, MINE, await tokenOf('read'), route.body && { nonsense: true });
    expect([status, JSON.parse(text).code]).toEqual([403, 'access.roleMissing']);
    expect(done).toEqual([]);
  },
);

test.each(ROUTES.map((route) => [nameOf(route), route] as const))('%s that only looks is a GET', (_, route) => {
  if (route.needs.role === 'read') expect(route.method).toBe('GET');
});

/** Calls that name a container otherwise. */
const FILE_CALLS: Readonly<Record<string, object>> = {
  LIST_FILES: { path: 'theirs/x' },
  READ_FILE: { path: '/theirs/x', offset: 0 },
  PRUNE_IMAGES: {},
};
const OPERATOR = Object.keys(PLAIN_CALLS).concat('ATTACH_CONTAINER_OUTPUT');

test.each(OPERATOR)('operator call %s reaches nothing foreign', async (type) => {
  const token = await tokenOf('operate', SCOPE);
  const fields = FILE_CALLS[type] ?? (/^(GET_)/.test(type) ? {} : { container_id: { value: 'theirs' } });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: '*/*' };
  const { text } = await send('POST', '/api/v1', { type, [type.toLowerCase()]: fields }, headers);
  expect(text).not.toContain(MARK);
  // A refusal may repeat what was asked for.
  expect(text.replaceAll(`${THEIRS}/x`, '')).not.toContain('bbbb');
  expect(done).toEqual([]);
});

test('an operator call that changes something needs the role', async () => {
  const headers = { authorization: `Bearer ${await tokenOf('read')}`, 'content-type': 'application/json' };
  const body = { type: 'KILL_CONTAINER', kill_container: { container_id: { value: 'mine' } } };
  expect((await send('POST', '/api/v1', body, headers)).status).toBe(403);
  expect(audit).toMatchObject([{ what: 'KILL_CONTAINER', on: 'mine', outcome: 'refused', code: 'access.roleMissing' }]);
});

test('what leans on a foreign container is refused', async () => {
  const token = await tokenOf('operate', SCOPE);
  const launch = ROUTES.find((route) => nameOf(route) === 'POST /v1/containers') as Route;
  for (const part of [
    { volumesFrom: [{ container: 'theirs', readOnly: true }] },
    { namespaces: { pid: { kind: 'container', container: 'theirs' } } },
    { namespaces: { ipc: { kind: 'container', container: 'bbb' } } },
    { namespaces: { networkOf: THEIRS } },
    { volumes: [{ kind: 'named', name: 'their-data', containerPath: '/d', readOnly: false }] },
    { name: 'theirs' },
  ]) {
    const { status, text } = await call(launch, '', token, { ...HELLO, labels: { team: 'a' }, ...part });
    expect([404, 409], text).toContain(status);
    expect(done).toEqual([]);
  }
});

test('what is launched names others by uid and gives its volumes the labels of the scope', async () => {
  const token = await tokenOf('operate', SCOPE);
  const launch = ROUTES.find((route) => nameOf(route) === 'POST /v1/containers') as Route;
  const volumes = ['my-data', 'fresh'].map((name) => ({
    kind: 'named',
    name,
    containerPath: `/${name}`,
    readOnly: false,
  }));
  const body = { ...HELLO, labels: { team: 'a' }, volumes, namespaces: { networkOf: 'mine' } };
  await call(launch, '', token, body);
  const [config] = JSON.parse(done.join().replace('launch ', ''));
  expect(config).toMatchObject({
    namespaces: { networkOf: MINE },
    volumes: [
      { name: 'my-data', labels: { team: 'a' } },
      { name: 'fresh', labels: { team: 'a' } },
    ],
  });
});

test('an answer that was given to one caller is given to no other, whatever key he sends', async () => {
  const [one, other] = [await tokenOf('operate'), await tokenOf('operate', SCOPE)];
  const headers = (token: string) => ({ authorization: `Bearer ${token}`, 'idempotency-key': 'k' });
  expect((await send('POST', `/v1/containers/theirs/destroy`, {}, headers(one))).status).toBe(501);
  done = [];
  const { status } = await send('POST', `/v1/containers/theirs/destroy`, {}, headers(other));
  expect([status, done]).toEqual([200, []]);
});

test('each call that may change something, and each refusal, is a line of the audit log', async () => {
  const token = await tokenOf('operate', SCOPE);
  const headers = { authorization: `Bearer ${token}` };
  await send('GET', '/v1/containers', undefined, headers);
  await send('POST', '/v1/containers/mine/pause', undefined, headers);
  await send('POST', '/v1/containers/theirs/pause', undefined, headers);
  await send('GET', '/v1/containers/theirs', undefined, headers);
  await send('GET', '/v1/containers', undefined, {});
  expect(audit).toMatchObject([
    { what: 'POST /v1/containers/:id/pause', on: MINE, outcome: 'failed', code: 'fake.done' },
    { what: 'POST /v1/containers/:id/pause', on: 'theirs', outcome: 'refused', code: 'access.foreignContainer' },
    { what: 'GET /v1/containers/:id', on: 'theirs', outcome: 'refused' },
    { what: 'GET /v1/containers', outcome: 'refused', code: 'access.noCredential', door: 'token socket' },
  ]);
  expect(audit[0]?.who).toMatch(/^token ci \([0-9a-f]{8}\)$/);
  expect(new Set(audit.map((record) => record.request)).size).toBe(4);
  expect(JSON.stringify(audit)).not.toContain(token);
});

test.each([
  ['nothing', '', 400],
  ['half an object', '{"rootfs":', 400],
  ['an object and more', `${JSON.stringify({ ...HELLO, labels: { team: 'a' } })}{}`, 400],
  [
    'a label twice, the wrong one last',
    '{"rootfs":{"kind":"image","reference":"hello"},"labels":{"team":"a"},"labels":{"team":"b"}}',
    403,
  ],
  ['more than is read', JSON.stringify({ ...HELLO, labels: { team: 'a' }, env: [`A=${'a'.repeat(1 << 20)}`] }), 413],
])('a body of %s is decided about as it is read', async (_, text, wanted) => {
  const headers = { authorization: `Bearer ${await tokenOf('operate', SCOPE)}`, 'transfer-encoding': 'chunked' };
  expect((await send('POST', '/v1/containers', Buffer.from(text), headers)).status).toBe(wanted);
  expect(done).toEqual([]);
});

test('usage of a foreign container is told to nobody who names it', async () => {
  const headers = { authorization: `Bearer ${await tokenOf('read', SCOPE)}` };
  expect((await send('GET', `/v1/stats?ids=mine,${THEIRS}`, undefined, headers)).status).toBe(404);
  expect(done).toEqual([]);
});
