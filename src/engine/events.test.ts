import { expect, test } from 'vitest';
import { parseContainerUid } from '../model/container-id.ts';
import { Events, MAX_WAITING_EVENTS } from './events.ts';

const EVENT = { uid: parseContainerUid('aabbccddeeff'), kind: 'created', atMs: 1 } as const;

test('a reader gets what happens from its subscription on, until its signal aborts', async () => {
  const events = new Events();
  const stop = new AbortController();
  events.emit(EVENT);
  const read = events.subscribe(stop.signal);
  events.emit({ ...EVENT, kind: 'started' });
  const kinds: string[] = [];
  for await (const { kind } of read) {
    kinds.push(kind);
    if (kind === 'started') queueMicrotask(() => events.emit({ ...EVENT, kind: 'removed' }));
    if (kind === 'removed') stop.abort();
  }
  expect(kinds).toEqual(['started', 'removed']);
});

test('a reader that lags is cut with an error, after what it was given', async () => {
  const events = new Events();
  const read = events.subscribe(new AbortController().signal)[Symbol.asyncIterator]();
  for (let count = 0; count <= MAX_WAITING_EVENTS; count++) events.emit(EVENT);
  for (let count = 0; count < MAX_WAITING_EVENTS; count++) expect((await read.next()).value).toEqual(EVENT);
  await expect(read.next()).rejects.toMatchObject({ code: 'engine.lagged' });
});

test('closing ends every reader that has read all', async () => {
  const events = new Events();
  const read = events.subscribe(new AbortController().signal)[Symbol.asyncIterator]();
  const next = read.next();
  events.close();
  expect((await next).done).toBe(true);
});
