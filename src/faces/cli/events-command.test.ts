import { expect, test } from 'vitest';
import type { CliContext } from './context.ts';
import type { EventJson } from './event-line.ts';
import { type EventsOptions, eventsCommand } from './events-command.ts';

const event = (number: number): EventJson => ({
  ...{ subject: 'container', kind: 'started', atMs: 1_767_225_600_000, uid: '0123456789ab', name: 'web' },
  ...{ labels: { tier: 'front' }, position: `aaaaaaaa-${number}` },
});

/** An agent each of whose connections gives these events and then breaks; the last one ends. */
function agentOf(connections: readonly (readonly EventJson[])[]) {
  const queries: URLSearchParams[] = [];
  const client = {
    async *lines(_method: string, path: string): AsyncGenerator<unknown> {
      const given = connections[queries.length] ?? [];
      queries.push(new URL(path, 'http://agent').searchParams);
      const isLast = queries.length >= connections.length;
      yield* given;
      if (!isLast) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
    },
  };
  return { client, queries };
}

async function run(client: ReturnType<typeof agentOf>['client'], options: EventsOptions): Promise<readonly string[]> {
  let text = '';
  const stdout = { on: () => {}, write: (part: string) => (text += part) };
  const code = await eventsCommand({ stdout } as unknown as CliContext, client as never, { until: '0s', ...options });
  expect(code).toBe(0);
  return text.split('\n').slice(0, -1);
}

test('a line names the time, the subject, what happened, to whom, and more', async () => {
  const { client } = agentOf([[event(1)]]);
  expect(await run(client, {})).toEqual([
    '2026-01-01T00:00:00.000Z container started 0123456789ab (name=web, tier=front)',
  ]);
});

test('control characters of labels do not reach the terminal', async () => {
  const { client } = agentOf([[{ ...event(1), labels: { a: 'x\u001b[2Jy\nz' } }]]);
  expect(await run(client, {})).toEqual([expect.stringContaining('a=x\\x1b[2Jy z)')]);
});

test('with a format of json a line is what the agent told', async () => {
  const { client } = agentOf([[event(1)]]);
  expect((await run(client, { format: 'json' })).map((line) => JSON.parse(line))).toEqual([event(1)]);
});

test('a connection that breaks is followed by one that goes on after the last event', async () => {
  const { client, queries } = agentOf([[event(1), event(2)], [], [event(3)]]);
  expect(await run(client, {})).toHaveLength(3);
  expect(queries.map((query) => query.get('after'))).toEqual([null, 'aaaaaaaa-2', 'aaaaaaaa-2']);
});

test('one that breaks before its first event is followed by one that begins where it began', async () => {
  const { client, queries } = agentOf([[], [event(1)]]);
  await run(client, {});
  expect(queries[0]?.get('sinceMs')).toBe(null);
  expect(Number(queries[1]?.get('sinceMs'))).toBeGreaterThan(0);
});

test('events that are missing are told', async () => {
  const gap = { subject: 'stream', kind: 'gap', atMs: 1_767_225_600_000, position: 'aaaaaaaa-4' };
  const { client } = agentOf([
    [
      { ...gap, missed: 3 },
      { ...gap, missed: 'unknown' },
    ],
  ]);
  expect(await run(client, {})).toEqual([
    '2026-01-01T00:00:00.000Z stream gap (3 events are missing here)',
    '2026-01-01T00:00:00.000Z stream gap (nobody knows how many events are missing here)',
  ]);
});

test('filters are given to the agent by its own words', async () => {
  const { client, queries } = agentOf([[]]);
  const filter = ['container=web', 'label=a=b', 'label=c', 'event=die', 'kind=oom', 'type=container', 'image=x:1'];
  await run(client, { filter });
  expect(JSON.parse(queries[0]?.get('filters') ?? '')).toEqual({
    ...{ containers: ['web'], labels: ['a=b', 'c'], kinds: ['terminated', 'oom'] },
    ...{ subjects: ['container'], images: ['x:1'] },
  });
});

test.each(['web', 'colour=red', 'event=dies', 'event=constructor', 'type=network', 'constructor=x', 'label='])(
  'the filter %j is refused by name',
  async (filter) => {
    await expect(run(agentOf([[]]).client, { filter: [filter] })).rejects.toMatchObject({ code: 'cli.badValue' });
  },
);

test('another format is refused', async () => {
  await expect(run(agentOf([[]]).client, { format: '{{.ID}}' })).rejects.toMatchObject({ code: 'cli.badValue' });
});
