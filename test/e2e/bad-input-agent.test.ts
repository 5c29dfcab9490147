import { request } from 'node:http';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { footprint } from './support/footprint.ts';
import { Installation } from './support/installation.ts';
import { expectSame, settle } from './support/refusals.ts';

const HOST = { rootfs: { kind: 'none' }, command: ['/bin/true'], autoRemove: true };

let isopod: Installation;
beforeAll(async () => {
  isopod = new Installation();
  await isopod.expect(['run', '--rm', 'hello']);
  await settle(isopod);
});
afterAll(() => isopod.close());

interface Answer {
  readonly status: number;
  readonly body: { readonly code?: string; readonly kind?: string; readonly message?: string };
}

/** One request on the agent's socket; `text` as it is, anything else as JSON. */
function ask(method: string, path: string, content?: { readonly text: string | Buffer } | object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socketPath = join(isopod.state, 'agent.sock');
    const sent = request({ socketPath, method, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: text ? JSON.parse(text) : {} }));
    });
    sent.once('error', reject);
    if (content === undefined) sent.end();
    else sent.end('text' in content ? content.text : JSON.stringify(content));
  });
}

type Case = readonly [
  what: string,
  method: string,
  path: string,
  content: object | undefined,
  status: number,
  ...says: string[],
];

const CASES: readonly Case[] = [
  ['a body that is no JSON', 'POST', '/v1/containers', { text: '{' }, 400, 'not JSON'],
  ['a body of binary rubbish', 'POST', '/v1/containers', { text: Buffer.from([0xff, 0, 0xfe]) }, 400, 'not JSON'],
  ['no body', 'POST', '/v1/containers', undefined, 400, 'rootfs'],
  ['a body that is a list', 'POST', '/v1/containers', { text: '[]' }, 400, 'the container'],
  ['a body that is nothing', 'POST', '/v1/containers', { text: 'null' }, 400, 'rootfs'],
  ['an unknown field', 'POST', '/v1/containers', { ...HOST, memory: 1 }, 400, 'unknown field memory'],
  [
    'an unknown field deep inside',
    'POST',
    '/v1/containers',
    { ...HOST, resources: { ram: 1 } },
    400,
    'ram',
    'resources',
  ],
  ['a field of the wrong type', 'POST', '/v1/containers', { ...HOST, command: '/bin/true' }, 400, 'command'],
  [
    'a fraction of a byte',
    'POST',
    '/v1/containers',
    { ...HOST, resources: { memoryLimitBytes: 8388608.5 } },
    400,
    'memoryLimitBytes',
  ],
  [
    'a number beyond all integers',
    'POST',
    '/v1/containers',
    { ...HOST, resources: { pidsLimit: 2 ** 60 } },
    400,
    'pidsLimit',
  ],
  ['a NUL in an argument', 'POST', '/v1/containers', { ...HOST, command: ['/bin/echo', 'a\0b'] }, 400, 'NUL'],
  ['a NUL in a variable', 'POST', '/v1/containers', { ...HOST, env: ['A=a\0b'] }, 400, 'NUL'],
  ['a NUL in a path', 'POST', '/v1/containers', { ...HOST, workdir: '/a\0b' }, 400, 'NUL'],
  ['a NUL in a label', 'POST', '/v1/containers', { ...HOST, labels: { a: 'b\0c' } }, 400, 'NUL'],
  ['a NUL in an image', 'POST', '/v1/containers', { rootfs: { kind: 'image', reference: 'a\0b' } }, 400, 'NUL'],
  ['a variable without a name', 'POST', '/v1/containers', { ...HOST, env: ['=x'] }, 400, 'NAME=value'],
  [
    'a terminal of no size',
    'POST',
    '/v1/containers',
    { ...HOST, terminal: true, terminalSize: { rows: 0, columns: 80 } },
    400,
    '0 rows',
  ],
  ['a signal that there is not', 'POST', '/v1/containers/nobody/kill', { signal: 65 }, 400, 'signal'],
  ['a container that nobody knows', 'GET', '/v1/containers/nobody', undefined, 404, '"nobody"'],
  ['a session that nobody knows', 'GET', '/v1/sessions/nobody/wait', undefined, 404, '"nobody"'],
  ['a path that there is not', 'GET', '/v1/nothing', undefined, 404, '/v1/nothing'],
  ['a path outside', 'GET', '/v1/containers/..%2f..%2fetc', undefined, 404, '../../etc'],
  ['a broken escape', 'GET', '/v1/containers/%zz', undefined, 400, '%zz'],
  ['a method that does not belong there', 'PUT', '/v1/version', undefined, 405, 'GET, not PUT'],
  ['an unknown question', 'GET', '/v1/containers/nobody/wait?forever=1', undefined, 400, 'forever'],
];

describe('the agent refuses', () => {
  for (const [what, method, path, content, status, ...says] of CASES) {
    test(what, async () => {
      await isopod.expect(['version']); // an agent that has nothing to do ends
      const before = footprint(isopod);
      const { body, ...answer } = await ask(method, path, content);
      for (const text of says) expect(body.message).toContain(text);
      expect(body).toMatchObject({ kind: expect.any(String), code: expect.stringMatching(/^[a-z-]+\.\w+$/) });
      expect(answer.status).toBe(status);
      await expectSame(isopod, before);
    });
  }

  test('a body without end, before it was read to its end', async () => {
    await isopod.expect(['version']);
    const { status, body } = await ask('POST', '/v1/containers', { text: `"${'x'.repeat(2 << 20)}"` });
    expect(status).toBe(413);
    expect(body.message).toContain('1048576');
  });

  test('JSON that is nested deeper than any stack', async () => {
    await isopod.expect(['version']);
    const { status } = await ask('POST', '/v1/containers', { text: '['.repeat(500_000) });
    expect(status).toBe(400);
  });

  test.each(['GET / HTTP/9.9\r\n\r\n', '\0\0\0\0\r\n\r\n', `GET /${'x'.repeat(100_000)} HTTP/1.1\r\n\r\n`])(
    'what is no HTTP, and serves on',
    async (rubbish) => {
      await isopod.expect(['version']);
      const pid = await isopod.agentPid();
      await new Promise<void>((resolve, reject) => {
        const socket = createConnection(join(isopod.state, 'agent.sock'));
        socket.once('connect', () => socket.write(rubbish));
        socket.on('data', () => {});
        socket.once('close', () => resolve());
        socket.once('error', (error: NodeJS.ErrnoException) =>
          error.code === 'ECONNRESET' ? resolve() : reject(error),
        );
        socket.once('end', () => socket.end());
      });
      expect(await isopod.agentPid()).toBe(pid);
    },
  );
});
