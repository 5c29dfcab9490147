import { expect, test } from 'vitest';
import { frameBytes } from '../../model/wire-codec.ts';
import type { AgentClient } from './agent-client.ts';
import { cliErrors } from './errors.ts';
import { followLog } from './followed-log.ts';

const SECOND = Date.parse('2026-01-01T00:00:01Z');
/** Lines as the log has them: two of one millisecond, a line in two pieces, and one of the other stream. */
const PIECES = [
  ['stdout', '2026-01-01T00:00:00.000000001Z', 'one\n'],
  ['stdout', '2026-01-01T00:00:01.000000001Z', 'two\n'],
  ['stdout', '2026-01-01T00:00:01.000000001Z', 'thr'],
  ['stdout', '', 'ee\n'],
  ['stderr', '2026-01-01T00:00:01.000900000Z', 'four\n'],
  ['stdout', '2026-01-01T00:00:02.000000000Z', 'five\n'],
] as const;

/** An agent whose first connections break after so many pieces. */
function clientThatBreaksAfter(counts: readonly number[], ended: readonly boolean[] = []) {
  const breaks = [...counts];
  const ends = [...ended];
  const urls: string[] = [];
  const client = {
    call: async () => ({ termination: (ends.shift() ?? true) ? {} : null }),
    stream: async (_method: string, url: string) => {
      urls.push(url);
      const sinceMs = Number(new URL(url, 'http://agent').searchParams.get('sinceMs') ?? 0);
      return chunks(sinceMs, breaks.shift());
    },
  };
  return { client: client as unknown as AgentClient, urls };
}

async function* chunks(sinceMs: number, count: number | undefined): AsyncIterable<Buffer> {
  const there = PIECES.filter(([, time]) => sinceMs <= (time === '' ? SECOND : Date.parse(time)));
  for (const [stream, time, text] of there.slice(0, count)) {
    yield Buffer.from(frameBytes(stream, { data: Buffer.from(time === '' ? text : `${time} ${text}`) }));
  }
  if (count !== undefined) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}

async function textOf(client: AgentClient, query = new URLSearchParams()): Promise<string> {
  let text = '';
  for await (const { data } of followLog(client, '/v1/containers/c', query)) text += Buffer.from(data).toString();
  return text;
}

test.each([[[0]], [[1]], [[2]], [[3]], [[4]], [[5]], [[6]], [[2, 1]], [[3, 2, 0, 4]]])(
  'nothing is missing or doubled when connections break after %j pieces',
  async (counts) => {
    expect(await textOf(clientThatBreaksAfter(counts).client)).toBe('one\ntwo\nthree\nfour\nfive\n');
  },
);

test('it goes on from the newest line, not from the start', async () => {
  const { client, urls } = clientThatBreaksAfter([3]);
  await textOf(client, new URLSearchParams({ tail: '10' }));
  expect(urls).toEqual([
    '/v1/containers/c/logs?tail=10&follow=true&timestamps=true',
    `/v1/containers/c/logs?follow=true&timestamps=true&sinceMs=${SECOND}`,
  ]);
});

test('times are given out when they are wanted', async () => {
  const { client } = clientThatBreaksAfter([]);
  expect(await textOf(client, new URLSearchParams({ timestamps: 'true' }))).toContain('00:00:00.000000001Z one\n');
});

test('an answer that ends before the container does is followed by another', async () => {
  const { client, urls } = clientThatBreaksAfter([], [false, true]);
  expect(await textOf(client)).toBe('one\ntwo\nthree\nfour\nfive\n');
  expect(urls).toHaveLength(2);
});

test('nothing is asked again once the time is over until which it was wanted', async () => {
  const { client, urls } = clientThatBreaksAfter([], [false]);
  await textOf(client, new URLSearchParams({ untilMs: String(Date.now() - 1) }));
  expect(urls).toHaveLength(1);
});

test('another error is told at once', async () => {
  const client = { stream: () => Promise.reject(cliErrors.noImage()) } as unknown as AgentClient;
  await expect(textOf(client)).rejects.toMatchObject({ code: 'cli.noImage' });
});
