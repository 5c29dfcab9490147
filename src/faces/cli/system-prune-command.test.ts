import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { AgentClient } from './agent-client.ts';
import type { CliContext } from './context.ts';
import { pruneSystemCommand, type SystemPruneOptions } from './system-prune-command.ts';

async function asked(options: SystemPruneOptions): Promise<readonly string[]> {
  const calls: string[] = [];
  const call = async (_method: string, path: string, body: object) => {
    calls.push(`${path} ${JSON.stringify(body)}`);
    return { removed: [], untagged: [], deleted: [], partials: [], leftovers: [], reclaimedBytes: 0, heldBytes: 0 };
  };
  const stdin = Object.assign(new PassThrough(), { isTTY: false });
  const context = { stdin: () => stdin, stdout: new PassThrough() } as unknown as CliContext;
  await pruneSystemCommand(context, { call } as unknown as AgentClient, options);
  return calls;
}

test('containers go before the images that they keep', async () => {
  const calls = await asked({ filter: ['label=a=b'] });
  expect(calls.map((text) => text.split(' ')[0])).toEqual(['/v1/containers/prune', '/v1/images/prune']);
  expect(calls[0]).toContain('"labels":["a=b"]');
  expect(calls[1]).toMatch(/"all":false.*"labels":\["a=b"\]/);
});

test('volumes go with them when it is said, between the two', async () => {
  const calls = await asked({ volumes: true, all: true });
  expect(calls.map((text) => text.split(' ')[0])).toEqual([
    ...['/v1/containers/prune', '/v1/volumes/prune', '/v1/images/prune'],
  ]);
  expect(calls[2]).toContain('"all":true');
});

test('what must not be there bounds all of them', async () => {
  const calls = await asked({ filter: ['label!=keep'], volumes: true });
  expect(calls).toHaveLength(3);
  for (const call of calls) expect(call).toContain('"withoutLabels":["keep"]');
});

test.each([
  [{ filter: ['until=24h'], volumes: true }, 'until=24h'],
  [{ filter: ['dangling=true'] }, 'dangling=true'],
])('%j is refused before anything goes', async (options, told) => {
  await expect(asked(options)).rejects.toMatchObject({ code: 'cli.badValue', message: expect.stringContaining(told) });
});
