import { expect, test } from 'vitest';
import type { Clock } from '../base/effects.ts';
import { LimitPolls } from './limit-polls.ts';

/** A clock whose sleeps are noted, and over when the test says. */
class StoppedClock implements Clock {
  now = 0;
  readonly sleeps: number[] = [];
  #wake: () => void = () => {};
  nowMs = (): number => this.now;
  monotonicMs = (): number => this.now;
  after = (): (() => void) => () => {};
  sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.sleeps.push(ms);
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
      this.#wake = resolve;
    });
  }
  async pass(): Promise<void> {
    this.#wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('one timer looks at all each second, and none is left when nobody asks', async () => {
  const clock = new StoppedClock();
  const polls = new LimitPolls(clock);
  const seen: string[] = [];
  const stops = ['a', 'b'].map((name) => {
    const stop = new AbortController();
    polls.add(async () => void seen.push(name), stop.signal);
    return stop;
  });
  await clock.pass();
  stops[0]?.abort();
  await clock.pass();
  expect(seen).toEqual(['a', 'b', 'b']);
  stops[1]?.abort();
  await new Promise((resolve) => setImmediate(resolve));
  expect(clock.sleeps).toEqual([1000, 1000, 1000]);
  polls.add(async () => void seen.push('c'), new AbortController().signal);
  await clock.pass();
  expect(seen.at(-1)).toBe('c');
});

test('one that takes long is looked at alone, and rests as long as it took', async () => {
  const clock = new StoppedClock();
  const stop = new AbortController();
  const tookMs = [20_000, 1];
  const look = async (): Promise<void> => {
    clock.now += tookMs.shift() ?? 0;
  };
  const paced = new LimitPolls(clock).pace(look, 15_000, stop.signal);
  await clock.pass();
  await clock.pass();
  expect(clock.sleeps).toEqual([15_000, 20_000, 15_000]);
  stop.abort();
  await paced;
});

test('rounds that take long come rarer', async () => {
  const clock = new StoppedClock();
  const look = async (): Promise<void> => {
    clock.now += 500;
  };
  new LimitPolls(clock).add(look, new AbortController().signal);
  await clock.pass();
  expect(clock.sleeps).toEqual([1000, 4500]);
});
