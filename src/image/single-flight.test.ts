import { expect, test } from 'vitest';
import { SingleFlight } from './single-flight.ts';

test('who joins later hears what was kept, and everybody gets the one result', async () => {
  const flights = new SingleFlight<string, number>();
  const land = Promise.withResolvers<number>();
  let starts = 0;
  const start = async (_signal: AbortSignal, report: (event: string, keep: boolean) => void) => {
    starts++;
    report('kept', true);
    report('passing', false);
    return await land.promise;
  };
  const heard: string[][] = [[], []];
  const first = flights.join('a', start, { onEvent: (event) => heard[0]?.push(event) });
  await new Promise((resolve) => setImmediate(resolve));
  const second = flights.join('a', start, { onEvent: (event) => heard[1]?.push(event) });
  land.resolve(7);
  expect(await Promise.all([first, second])).toEqual([7, 7]);
  expect(heard).toEqual([['kept', 'passing'], ['kept']]);
  expect(starts).toBe(1);
});

test('one caller who gives up does not stop the others', async () => {
  const flights = new SingleFlight<never, string>();
  const land = Promise.withResolvers<string>();
  let aborted = false;
  const start = (signal: AbortSignal) => {
    signal.addEventListener('abort', () => {
      aborted = true;
    });
    return land.promise;
  };
  const cancel = new AbortController();
  const first = flights.join('a', start, { signal: cancel.signal });
  const second = flights.join('a', start, {});
  cancel.abort();
  await expect(first).rejects.toMatchObject({ kind: 'cancelled' });
  land.resolve('landed');
  expect(await second).toBe('landed');
  expect(aborted).toBe(false);
});

test('the last caller who gives up waits until the operation has cleaned up', async () => {
  const flights = new SingleFlight<never, string>();
  const order: string[] = [];
  const start = async (signal: AbortSignal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await new Promise((resolve) => setTimeout(resolve, 20));
    order.push('cleaned up');
    throw new Error('aborted');
  };
  const cancel = new AbortController();
  const only = flights.join('a', start, { signal: cancel.signal }).catch(() => order.push('rejected'));
  await new Promise((resolve) => setImmediate(resolve));
  cancel.abort();
  await new Promise((resolve) => setImmediate(resolve));
  const next = flights.join('a', async () => 'second flight', {});
  await only;
  expect(order).toEqual(['cleaned up', 'rejected']);
  expect(await next).toBe('second flight');
});

test('a failure goes to everybody, and the next call starts again', async () => {
  const flights = new SingleFlight<never, number>();
  const fail = async () => {
    throw new Error('no');
  };
  const both = [flights.join('a', fail, {}), flights.join('a', fail, {})];
  for (const one of both) await expect(one).rejects.toThrow('no');
  expect(await flights.join('a', async () => 1, {})).toBe(1);
});

test('an abort that comes too late gets the result', async () => {
  const flights = new SingleFlight<never, string>();
  const land = Promise.withResolvers<string>();
  const cancel = new AbortController();
  const only = flights.join('a', () => land.promise, { signal: cancel.signal });
  cancel.abort();
  setTimeout(() => land.resolve('done all the same'), 5);
  expect(await only).toBe('done all the same');
});
