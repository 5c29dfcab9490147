import { afterEach, expect, test, vi } from 'vitest';
import { defineErrors } from '../../model/error.ts';
import { SignalRelay, startRelayed } from './signal-relay.ts';

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

const errors = defineErrors('fake', { cancelled: { kind: 'cancelled', message: () => 'given up' } });

test('a start that lasts is given up at a signal that ends, however late it hears of it, and the signal ends us', async () => {
  const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
  const end = Promise.withResolvers<never>();
  let asked = 0;
  const starting = startRelayed(
    () => end.promise,
    async () => {
      asked += 1;
      if (asked === 2) end.reject(errors.cancelled({}));
    },
  );
  process.emit('SIGUSR1', 'SIGUSR1');
  expect(asked).toBe(0);
  process.emit('SIGINT', 'SIGINT');
  await expect(starting).rejects.toMatchObject({ code: 'fake.cancelled' });
  expect(asked).toBe(2);
  expect(kill.mock.calls).toEqual([[process.pid, 2]]);
  kill.mockRestore();
});

test('a start that succeeds though it was to be given up gets the signal', async () => {
  const end = Promise.withResolvers<string>();
  const starting = startRelayed(
    () => end.promise,
    async () => end.resolve('it runs'),
  );
  process.emit('SIGTERM', 'SIGTERM');
  const { started: what, relay: signals } = await starting;
  relay = signals;
  const { got, take } = target();
  signals.to(take);
  expect([what, got]).toEqual(['it runs', [15]]);
});
