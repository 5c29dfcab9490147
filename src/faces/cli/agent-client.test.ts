import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentClient } from './agent-client.ts';
import { toItsEnd } from './archive-cut.ts';
import { withProgress } from './pull-progress.ts';

let directory: string;
let server: Server | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isopod-client-'));
});

afterEach(async () => {
  const running = server;
  server = undefined;
  running?.closeAllConnections();
  if (running !== undefined) await new Promise((closed) => running.close(closed));
  rmSync(directory, { recursive: true });
});

const socketPath = (): string => join(directory, 'agent.sock');

async function serve(listener: RequestListener): Promise<void> {
  const made = createServer(listener);
  server = made;
  await new Promise<void>((listening) => made.listen(socketPath(), listening));
}

function clientOf(startAgent: () => Promise<void>): AgentClient {
  const target = { kind: 'unix', socketPath: socketPath() } as const;
  return new AgentClient({ target, rootDir: undefined, token: undefined, startAgent, newKey: () => 'key' });
}

test('an upload starts an agent where none is, as any other request does', async () => {
  const seen: string[] = [];
  const client = clientOf(() =>
    serve(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      seen.push(`${request.method} ${request.url} ${text}`);
      response.end('{"id":1}');
    }),
  );
  const bytes = (async function* () {
    yield Buffer.from('archive');
  })();
  await expect(client.upload('/v1/images/load', 'application/x-tar', bytes)).resolves.toEqual({ id: 1 });
  expect(seen.at(-1)).toBe('PUT /v1/images/load archive');
});

test('what the agent says of an archive that breaks off is the error, and the archive no whole one', async () => {
  await serve((request, response) => {
    response.writeHead(200, request.headers['isopod-error-trailer'] === 'yes' ? { trailer: 'isopod-error' } : {});
    response.write('part');
    const told = { code: 'images.damaged', kind: 'data-loss', message: 'it is damaged – here' };
    response.addTrailers({ 'isopod-error': encodeURIComponent(JSON.stringify(told)) });
    response.end();
  });
  const client = clientOf(() => Promise.reject(new Error('one is there')));
  const archive = toItsEnd(await client.archive('POST', '/v1/images/save', {}), 'saving x');
  let read = '';
  const reading = (async () => {
    for await (const chunk of archive) read += Buffer.from(chunk).toString();
  })();
  await expect(reading).rejects.toMatchObject({
    code: 'cli.archiveCut',
    message: 'saving x broke off: it is damaged – here',
  });
  expect(read).toBe('part');
});

test('an archive that is cut without a word is told with what became of the connection', async () => {
  await serve((_request, response) => {
    response.write('part', () => response.destroy());
  });
  const client = clientOf(() => Promise.reject(new Error('one is there')));
  const archive = toItsEnd(await client.archive('POST', '/v1/images/save', {}), 'saving x');
  const reading = (async () => {
    for await (const _ of archive);
  })();
  await expect(reading).rejects.toMatchObject({
    message: 'saving x broke off: the connection ended: ECONNRESET',
    remedy: expect.stringContaining('agent.log'),
  });
});

test('an agent that goes during a pull is told as that, with what to do', async () => {
  await serve((_request, response) => {
    response.write('{"progress":{"kind":"resolved","layers":[]}}\n', () => response.destroy());
  });
  const client = clientOf(() => Promise.reject(new Error('one is there')));
  const to = { isTTY: false, write: () => true } as unknown as NodeJS.WriteStream;
  const lines = client.lines('POST', '/v1/images/pull', {});
  await expect(withProgress(lines, { to, what: 'the pull of alpine' })).rejects.toMatchObject({
    code: 'cli.answerCut',
    message: expect.stringContaining('the pull of alpine'),
  });
});
