import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FileOperations } from '../../engine/file-facade.ts';
import { completeConfig } from '../../model/container-request.ts';
import { EngineError } from '../../model/error.ts';
import { fakeEngine, statusOf } from './fake-engine.fixture.ts';
import { ServedAgent } from './served-agent.fixture.ts';

const MIB = 1 << 20;
const PATH = '/v1/containers/web/files';
const STATUS = statusOf(completeConfig({ name: 'web', rootfs: { kind: 'image', reference: 'hello' }, command: [] }));

let agent: ServedAgent;
beforeEach(async () => {
  agent = await ServedAgent.listen();
});
afterEach(() => agent.close());

function serve(files: Partial<FileOperations>): void {
  agent.server.serve(
    fakeEngine({ check: async () => STATUS, status: async () => STATUS, files: files as FileOperations }),
  );
}

/** Uploads without an end, until an answer comes. */
async function uploadOn(query: string): Promise<{ readonly status: number | undefined; readonly text: string }> {
  const headers = { 'content-type': 'application/x-tar' };
  const sent = request({
    socketPath: agent.socketPath,
    method: 'PUT',
    path: `${PATH}?${query}`,
    headers,
    agent: false,
  });
  let isAnswered = false;
  const answered = once(sent, 'response').finally(() => {
    isAnswered = true;
  });
  while (!isAnswered) {
    if (!sent.write(Buffer.alloc(1 << 16))) await Promise.race([once(sent, 'drain'), answered]);
  }
  const [response] = (await answered) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  sent.destroy();
  return { status: response.statusCode, text };
}

test('an upload is read as it comes, however long it is', async () => {
  let bytes = 0;
  serve({
    write: async (_, request, source) => {
      for await (const chunk of source) bytes += chunk.length;
      expect(request).toEqual({ path: '/etc', archive: true });
      return { entries: 1, bytes };
    },
  });
  const headers = { 'content-type': 'application/x-tar', 'transfer-encoding': 'chunked' };
  const sent = request({
    socketPath: agent.socketPath,
    method: 'PUT',
    path: `${PATH}?path=etc/x/..&archive=true`,
    headers,
  });
  for (let n = 0; n < 8; n += 1) sent.write(Buffer.alloc(MIB));
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  expect([response.statusCode, bytes]).toEqual([200, 8 * MIB]);
});

test('who still sends when it is refused gets the answer', async () => {
  serve({
    write: async (_, __, source) => {
      const parts = source[Symbol.asyncIterator]();
      await parts.next();
      await parts.return?.();
      throw new EngineError({ kind: 'resource-exhausted', code: 'files.noSpace', message: 'no room' });
    },
  });
  const { status, text } = await uploadOn('path=/');
  expect([status, JSON.parse(text).code]).toEqual([507, 'files.noSpace']);
});

test('a copy that cannot begin is refused, and one that breaks off is cut', async () => {
  serve({
    read: async (_, { path }) => {
      if (path === '/none') throw new EngineError({ kind: 'not-found', code: 'files.missing', message: 'not there' });
      return (async function* () {
        yield Buffer.from('part');
        throw new Error('it broke');
      })();
    },
  });
  expect((await agent.send('GET', `${PATH}?path=/none`)).status).toBe(404);
  await expect(agent.send('GET', `${PATH}?path=/some`)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('who reads trailers is told why a copy breaks off', async () => {
  const message = `${'é'.repeat(5000)} is gone`;
  serve({
    read: async () =>
      (async function* () {
        yield Buffer.from('part');
        throw new EngineError({ kind: 'not-found', code: 'files.missing', message, remedy: 'look for it' });
      })(),
  });
  const headers = { 'isopod-error-trailer': 'yes' };
  const { status, text, trailers } = await agent.send('GET', `${PATH}?path=/some`, { headers });
  expect([status, text]).toEqual([200, 'part']);
  const told = JSON.parse(decodeURIComponent(trailers['isopod-error'] ?? ''));
  expect(told).toEqual({
    ...{ code: 'files.missing', kind: 'not-found', remedy: 'look for it' },
    message: message.slice(0, 800),
  });
});

test('a copy that comes to its end has no such trailer', async () => {
  serve({
    read: async () =>
      (async function* () {
        yield Buffer.from('all');
      })(),
  });
  const headers = { 'isopod-error-trailer': 'yes' };
  const { text, trailers } = await agent.send('GET', `${PATH}?path=/some`, { headers });
  expect([text, trailers]).toEqual(['all', {}]);
});

test.each(['', 'path=', 'path=%00', 'path=/a&name=a%2Fb', 'path=/a&name=..', 'path=/a&foo=1'])(
  'the query %j is refused',
  async (query) => {
    serve({});
    expect((await agent.send('GET', `${PATH}?${query}`)).status).toBe(400);
  },
);

test('the top of an archive is called as the path ends, and the root has none', async () => {
  const names: string[] = [];
  serve({
    read: async (_, { name }) => {
      names.push(name);
      return (async function* () {})();
    },
  });
  for (const path of ['/a/b/', '/a/..', 'c']) await agent.send('GET', `${PATH}?path=${path}`);
  expect(names).toEqual(['b', '', 'c']);
});
