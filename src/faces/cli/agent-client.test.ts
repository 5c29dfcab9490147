import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentClient } from './agent-client.ts';
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
