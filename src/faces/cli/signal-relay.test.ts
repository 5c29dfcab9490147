import { afterEach, expect, test } from 'vitest';
import { SignalRelay } from './signal-relay.ts';

let relay: SignalRelay | undefined;
afterEach(() => relay?.stop());

function started(): SignalRelay {
  relay = new SignalRelay();
  return relay;
}

/** Signals as a target gets them. */
function target(): { readonly got: number[]; readonly take: (signal: number) => Promise<void> } {
  const got: number[] = [];
  return { got, take: async (signal) => void got.push(signal) };
}

test('what came before there was a process reaches it once it is there, in order', () => {
  const signals = started();
  process.emit('SIGTERM', 'SIGTERM');
  process.emit('SIGUSR1', 'SIGUSR1');
  const { got, take } = target();
  signals.to(take);
  process.emit('SIGHUP', 'SIGHUP');
  expect(got).toEqual([15, 10, 1]);
});

test('the third interrupt kills, whenever the first ones came', () => {
  const signals = started();
  process.emit('SIGINT', 'SIGINT');
  const { got, take } = target();
  signals.to(take);
  process.emit('SIGINT', 'SIGINT');
  process.emit('SIGINT', 'SIGINT');
  expect(got).toEqual([2, 2, 9]);
});

test('a target that is gone fails nobody, and after stop nothing is taken', async () => {
  const before = process.listenerCount('SIGTERM');
  const signals = started();
  expect(process.listenerCount('SIGTERM')).toBe(before + 1);
  signals.to(() => Promise.reject(new Error('gone')));
  process.emit('SIGTERM', 'SIGTERM');
  await Promise.resolve();
  signals.stop();
  expect(process.listenerCount('SIGTERM')).toBe(before);
});
