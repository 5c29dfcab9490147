import { expect, test } from 'vitest';
import { untilAborted } from '../base/deadline.ts';
import type { Clock, HelperConnection, HelperPort } from '../base/effects.ts';
import { attachMonitor } from './attach-monitor.ts';

const ADDRESS = { uid: 'aabbccddeeff', socketPath: '/s/aabbccddeeff', controlTicket: new Uint8Array(16) };

/** Its time comes when the test says so. */
class TestClock {
  expire: () => void = () => {};
  isCancelled = false;
  readonly clock = {
    after: (_delayMs: number, run: () => void) => {
      this.expire = run;
      return () => {
        this.isCancelled = true;
      };
    },
  } as Partial<Clock> as Clock;
}

const helperThat = (connect: HelperPort['connect']) => ({ connect }) as Partial<HelperPort> as HelperPort;
const never = new Promise<never>(() => {});

test('where no monitor listens there is none, and nothing waits for the deadline', async () => {
  for (const code of ['ENOENT', 'ECONNREFUSED']) {
    const time = new TestClock();
    const helper = helperThat(() => Promise.reject(Object.assign(new Error(code), { code })));
    expect(await attachMonitor({ helper, clock: time.clock }, ADDRESS)).toBeUndefined();
    expect(time.isCancelled).toBe(true);
  }
});

test('a monitor that cannot be reached in time is an error, for nobody knows whether it is there', async () => {
  const time = new TestClock();
  const helper = helperThat((_path, signal) => untilAborted(never, signal as AbortSignal));
  const attached = attachMonitor({ helper, clock: time.clock }, ADDRESS);
  time.expire();
  await expect(attached).rejects.toThrow('the monitor of aabbccddeeff ended during attach');
});

test('one that says nothing in time counts as gone, and its connection is dropped', async () => {
  const time = new TestClock();
  let closed = 0;
  const connection: Partial<HelperConnection> = {
    receive: (signal) => untilAborted(never, signal as AbortSignal),
    close: () => {
      closed += 1;
    },
  };
  const helper = helperThat(async () => connection as HelperConnection);
  const attached = attachMonitor({ helper, clock: time.clock }, ADDRESS);
  time.expire();
  expect(await attached).toBeUndefined();
  expect(closed).toBe(1);
});
