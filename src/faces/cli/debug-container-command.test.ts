import { expect, test } from 'vitest';
import { defineErrors } from '../../model/error.ts';
import type { CliContext } from './context.ts';
import { runProgram } from './program.ts';

const { enough } = defineErrors('test', { enough: { kind: 'internal', message: () => 'enough' } });

interface Asked {
  readonly path: string;
  readonly body: unknown;
}

/** The first thing that a command line asks of the agent. */
async function askedBy(...words: readonly string[]): Promise<Asked | undefined> {
  let asked: Asked | undefined;
  const stream = { write: () => true, rows: 0, columns: 0 };
  const call = async (_method: string, path: string, body: unknown) => {
    asked ??= { path, body };
    throw enough();
  };
  const context = {
    ...{ env: {}, version: '1.2.3', cwd: '/', stdout: stream, stderr: stream, stdin: () => ({ isTTY: true }) },
    ...{ ownDirectories: undefined, connect: () => ({ call }) },
  } as unknown as CliContext;
  await runProgram(context, words);
  return asked;
}

const rootfs = { kind: 'image', reference: 'busybox' };
const parent = { parent: 'web', debug: true, autoRemove: true, rootfs };

test.each([
  [['web', '--image', 'busybox'], { ...parent, owned: true, endsWithOwner: true }],
  [['--image', 'busybox', '-it', 'web', 'sh'], { command: ['sh'], terminal: true, stdin: true }],
  [['web', '--image', 'busybox', '--', 'ls', '-l'], { ...parent, command: ['ls', '-l'] }],
  [['web', '--image', 'busybox', '--cap-add', 'SYS_PTRACE'], { security: { capabilities: { add: ['SYS_PTRACE'] } } }],
  [['container', 'operations', '--image', 'busybox'], { parent: 'operations' }],
])('debug %j asks for a debug container', async (words, body) => {
  expect(await askedBy('debug', ...words)).toMatchObject({ path: '/v1/containers?pulledByCaller=true', body });
});

test.each([
  [['--keep'], { owned: true }],
  [['-d'], { owned: false }],
])('with %j it outlives its client', async (words, body) => {
  const asked = await askedBy('debug', 'web', '--image', 'busybox', ...words);
  expect(asked?.body).toMatchObject(body);
  expect(asked?.body).not.toHaveProperty('endsWithOwner');
});

test('what debug could do before it does still, and without an image nothing is asked', async () => {
  expect((await askedBy('debug', 'operations'))?.path).toContain('/v1/debug/operations');
  expect(await askedBy('debug', 'web')).toBeUndefined();
  expect(await askedBy('debug')).toBeUndefined();
});
