import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { EngineError } from '../../model/error.ts';
import type { AgentClient } from './agent-client.ts';
import { removeCommand } from './container-commands.ts';
import type { CliContext } from './context.ts';

/** What `isopod rm` prints where there is a container `web` and no other. */
async function removed(ids: readonly string[], force: boolean) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const call = async (_method: string, path: string) => {
    if (path.startsWith('/v1/containers/web?')) return {};
    throw new EngineError({ kind: 'not-found', code: 'engine.unknownContainer', message: 'no such container' });
  };
  const context = { stdout, stderr } as unknown as CliContext;
  const code = await removeCommand(context, { call } as unknown as AgentClient, { ids, force, volumes: false });
  const said = (stream: PassThrough): string => String(stream.read() ?? '');
  return { code, stdout: said(stdout), stderr: said(stderr) };
}

test('a removal by force prints what it has removed, and nothing of what was not there', async () => {
  expect(await removed(['nope', 'web'], true)).toEqual({ code: 0, stdout: 'web\n', stderr: '' });
});

test('a removal without force tells what is not there', async () => {
  const { code, stdout, stderr } = await removed(['nope', 'web'], false);
  expect([code, stdout]).toEqual([1, 'web\n']);
  expect(stderr).toContain('no such container');
});
