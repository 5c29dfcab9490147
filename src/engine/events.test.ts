import { expect, test } from 'vitest';
import type { Clock } from '../base/effects.ts';
import type { EngineEvent, EventQuery, Happening } from './event.ts';
import { type EventHistory, Events, MAX_KEPT_BYTES, MAX_KEPT_EVENTS } from './events.ts';

const clock: Clock = { nowMs: () => 1_000, monotonicMs: () => 0, sleep: async () => {}, after: () => () => {} };
const FRESH: EventHistory = { epoch: '00000000', lastNumber: 0, knownSinceMs: 500, kept: [] };

const volume = (name: string, atMs = 600): Happening => ({ subject: 'volume', kind: 'created', atMs, volume: name });
const open = (history = FRESH): Events => new Events(clock, history);

/** All that can be read by now. */
async function readAll(events: Events, query: EventQuery = {}): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const event of events.subscribe(new AbortController().signal, { untilMs: 0, ...query })) {
    found.push(textOf(event));
  }
  return found;
}

function textOf(event: EngineEvent): string {
  if (event.subject === 'stream') return `gap ${event.missed}`;
  return event.subject === 'volume' ? event.volume : event.kind;
}

test('a reader gets what happens from its subscription on, until its signal aborts', async () => {
  const events = open();
  const stop = new AbortController();
  events.emit(volume('early'));
  const read = events.subscribe(stop.signal);
  events.emit(volume('one'));
  const names: string[] = [];
  for await (const event of read) {
    names.push(textOf(event));
    if (names.length === 1) queueMicrotask(() => events.emit(volume('two')));
    else stop.abort();
  }
  expect(names).toEqual(['one', 'two']);
});

test('a reader goes on after the position that it has seen last', async () => {
  const events = open();
  for (const name of ['one', 'two', 'three']) events.emit(volume(name));
  expect(await readAll(events, { after: '00000000-1', untilMs: 900 })).toEqual(['two', 'three']);
  expect(await readAll(events, { after: events.position, untilMs: 900 })).toEqual([]);
});

test('a reader that lags finds a gap with the count, and what is still kept', async () => {
  const events = open();
  const read = events.subscribe(new AbortController().signal)[Symbol.asyncIterator]();
  for (let count = 1; count <= MAX_KEPT_EVENTS + 3; count++) events.emit(volume(`${count}`));
  expect(textOf((await read.next()).value)).toBe('gap 3');
  expect(textOf((await read.next()).value)).toBe('4');
});

test('a reader that comes back after what is no longer kept is told how many are missing', async () => {
  const events = open();
  for (let count = 1; count <= MAX_KEPT_EVENTS + 10; count++) events.emit(volume(`${count}`));
  const [gap, next] = await readAll(events, { after: '00000000-4', untilMs: 900 });
  expect([gap, next]).toEqual(['gap 6', '11']);
});

test.each(['ffffffff-1', '00000000-99'])(
  'nobody knows what is missing after %s, of which there was none',
  async (after) => {
    const events = open();
    events.emit(volume('one'));
    expect(await readAll(events, { after, untilMs: 900 })).toEqual(['gap unknown', 'one']);
  },
);

test('events of before are asked for by their time, and a time of which nothing is known is told', async () => {
  const events = open();
  events.emit(volume('early', 600));
  events.emit(volume('late', 700));
  expect(await readAll(events, { sinceMs: 650, untilMs: 900 })).toEqual(['late']);
  expect(await readAll(events, { sinceMs: 400, untilMs: 900 })).toEqual(['gap unknown', 'early', 'late']);
  expect(await readAll(events, { sinceMs: 600, untilMs: 650 })).toEqual(['early']);
});

test('what is kept is bounded by its size, too', () => {
  const events = open();
  const large = 'x'.repeat(MAX_KEPT_BYTES / 4);
  for (let count = 0; count < 10; count++) events.emit(volume(large));
  expect(events.history().kept.length).toBe(3);
  expect(events.history().lastNumber).toBe(10);
});

test('an engine goes on from the history of another one, and its numbers too', async () => {
  const first = open();
  first.emit(volume('one'));
  const second = open(first.history());
  second.emit(volume('two'));
  expect(await readAll(second, { after: '00000000-0', untilMs: 900 })).toEqual(['one', 'two']);
  expect(second.position).toBe('00000000-2');
});

test('a position that is none, and two beginnings, are refused at once', () => {
  const { signal } = new AbortController();
  expect(() => open().subscribe(signal, { after: 'yesterday' })).toThrowError(
    expect.objectContaining({ code: 'engine.badPosition' }),
  );
  expect(() => open().subscribe(signal, { after: '00000000-1', sinceMs: 1 })).toThrowError(
    expect.objectContaining({ code: 'engine.twoBeginnings' }),
  );
});

test('closing ends every reader that has read all', async () => {
  const events = open();
  const read = events.subscribe(new AbortController().signal)[Symbol.asyncIterator]();
  const next = read.next();
  events.close();
  expect((await next).done).toBe(true);
});
