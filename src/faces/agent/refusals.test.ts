import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Engine } from '../../engine/facade.ts';
import { fakeDiagnostics, fakeEngine } from './fake-engine.fixture.ts';
import { ServedAgent } from './served-agent.fixture.ts';

const JSON_TYPE = 'application/json';
const RECORDS = { 'content-type': 'application/recordio', 'message-content-type': JSON_TYPE };

let agent: ServedAgent;
beforeEach(async () => {
  agent = await ServedAgent.listen();
});
afterEach(async () => {
  vi.useRealTimers();
  await agent.close();
});

function serve(parts: Partial<Engine> = {}): void {
  agent.server.serve(fakeEngine(parts));
}

interface Answered {
  readonly status: number | undefined;
  readonly allow: string | undefined;
  readonly text: string;
}

/** Sends `first`, and on and on until the answer begins. */
async function sendOn(path: string, headers: Record<string, string>, first = ''): Promise<Answered> {
  const sent = request({ socketPath: agent.socketPath, method: 'POST', path, headers, agent: false });
  let isAnswered = false;
  const answered = once(sent, 'response').finally(() => {
    isAnswered = true;
  });
  sent.write(first);
  while (!isAnswered) {
    if (!sent.write(Buffer.alloc(1 << 16, ' '))) await Promise.race([once(sent, 'drain'), answered]);
  }
  return answerOf(sent, answered);
}

async function answerOf(sent: { destroy(): unknown }, answered: Promise<unknown[]>): Promise<Answered> {
  const [response] = (await answered) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  sent.destroy();
  return { status: response.statusCode, allow: response.headers.allow, text };
}

test.each([
  ['/v1/containers', { 'content-type': JSON_TYPE }, '{', 413],
  ['/api/v1', { 'content-type': JSON_TYPE }, '{', 413],
  ['/api/v1', RECORDS, '2\n{}', 400],
  ['/api/v1', { 'content-type': 'text/plain' }, '', 415],
  ['/v1/version', { 'content-type': JSON_TYPE }, '', 405],
])('whoever still sends to %s (%j) hears why it is refused', async (path, headers, first, status) => {
  serve();
  const answer = await sendOn(path, headers, first);
  expect(answer.status).toBe(status);
  expect(answer.text).not.toBe('');
});

const BODY_BYTES = 8 << 20;

/** Writes the whole of a request before it reads anything, as many a client does. */
async function writeFirst(path: string, headers: Record<string, string>): Promise<string> {
  const socket = connect(agent.socketPath).pause();
  const lines = Object.entries({ ...headers, host: 'agent', 'content-length': `${BODY_BYTES}` });
  socket.write(`POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.write(Buffer.alloc(BODY_BYTES, ' '), (error) => (error ? reject(error) : resolve()));
  });
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

test.each([
  ['/v1/containers', { 'content-type': JSON_TYPE }, 413],
  ['/api/v1', { 'content-type': JSON_TYPE }, 413],
  ['/api/v1', RECORDS, 400],
  ['/api/v1', { 'content-type': 'text/plain' }, 415],
])('whoever writes all of a request to %s (%j) before he reads is let do so', async (path, headers, status) => {
  serve();
  expect(await writeFirst(path, headers)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
});

test.each(['/v1/containers', '/api/v1'])('a body for %s that does not come is waited for so long', async (path) => {
  serve();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const headers = { 'content-type': JSON_TYPE, 'content-length': '100' };
  const sent = request({ socketPath: agent.socketPath, method: 'POST', path, headers, agent: false });
  sent.on('error', () => {}); // ours to end
  const answered = once(sent, 'response');
  sent.write('{');
  await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0));
  await vi.advanceTimersByTimeAsync(11_000);
  const answer = answerOf(sent, answered);
  expect((await answer).status).toBe(408);
});

test('a wrong method is answered with those that are right', async () => {
  serve({ diagnostics: fakeDiagnostics({}) });
  const told = async (method: string, path: string) => {
    const { status, headers } = await agent.send(method, path);
    return [status, headers.allow];
  };
  expect(await told('PUT', '/v1/version')).toEqual([405, 'GET']);
  expect(await told('POST', '/metrics')).toEqual([405, 'GET, HEAD']);
  expect(await told('GET', '/api/v1')).toEqual([405, 'POST']);
  expect(await told('HEAD', '/v1/version')).toEqual([405, 'GET']);
});

test('the head of the metrics is told without them', async () => {
  serve({ diagnostics: fakeDiagnostics({}) });
  const whole = await agent.send('GET', '/metrics');
  const head = await agent.send('HEAD', '/metrics');
  expect([head.status, head.text, head.headers['content-type']]).toEqual([200, '', whole.headers['content-type']]);
});

test('a call is refused that says of the records of a plain answer, and one without the object that it needs', async () => {
  serve({ diagnostics: fakeDiagnostics({}) });
  const post = async (body: object, headers: object = {}) =>
    (await agent.send('POST', '/api/v1', { body, headers: { 'content-type': JSON_TYPE, ...headers } })).status;
  expect(await post({ type: 'GET_HEALTH' }, { 'message-accept': JSON_TYPE })).toBe(406);
  const both = { accept: `${JSON_TYPE}, application/recordio`, 'message-accept': JSON_TYPE };
  expect(await post({ type: 'GET_HEALTH' }, both)).toBe(406);
  expect(await post({ type: 'GET_METRICS' })).toBe(400);
  expect(await post({ type: 'GET_METRICS', get_metrics: {} })).toBe(200);
});
