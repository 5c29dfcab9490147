import { expect, test } from 'vitest';
import type { Clock } from '../../../base/effects.ts';
import { inputSchema } from './call-schemas.ts';
import { outputRecords } from './process-io.ts';
import { RecordParser } from './record-io.ts';

test('output that is silent has heartbeats, and its end is the end', async () => {
  const ended = Promise.withResolvers<undefined>();
  const connection = { receive: () => ended.promise, close: () => ended.resolve(undefined) };
  const delays: number[] = [];
  // Time flies: every pause is over at once, until the connection has ended.
  const clock = {
    after: (ms: number, then: () => void) => {
      delays.push(ms);
      if (delays.length === 3) ended.resolve(undefined);
      else queueMicrotask(then);
      return () => {};
    },
  } as unknown as Clock;
  const types: unknown[] = [];
  for await (const bytes of outputRecords(connection as never, clock, new AbortController().signal)) {
    for (const one of new RecordParser().push(Buffer.from(bytes))) types.push(JSON.parse(Buffer.from(one).toString()));
  }
  const heartbeat = { type: 'HEARTBEAT', heartbeat: { interval: { nanoseconds: 30_000_000_000 } } };
  expect(types).toEqual([
    { type: 'CONTROL', control: heartbeat },
    { type: 'CONTROL', control: heartbeat },
  ]);
  expect(delays).toEqual([30_000, 30_000, 30_000]);
});

test('input may have heartbeats, with an interval or without', () => {
  for (const heartbeat of [undefined, {}, { interval: { nanoseconds: 30_000_000_000 } }]) {
    const control = { type: 'HEARTBEAT', ...(heartbeat && { heartbeat }) };
    expect(inputSchema.parse({ type: 'PROCESS_IO', process_io: { type: 'CONTROL', control } })).toBeDefined();
  }
});
