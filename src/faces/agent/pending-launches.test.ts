import { expect, test } from 'vitest';
import { PendingLaunches } from './pending-launches.ts';

const NAME = 'a name of somebody';

test('a launch is given up by its name while it lasts, and not any more after it', async () => {
  const pending = new PendingLaunches();
  let heard: AbortSignal | undefined;
  const end = Promise.withResolvers<never>();
  const launching = pending.during(NAME, ({ signal }) => {
    heard = signal;
    return end.promise;
  });
  expect([pending.giveUp('another name of one'), heard?.aborted]).toEqual([false, false]);
  expect([pending.giveUp(NAME), heard?.aborted]).toEqual([true, true]);
  end.reject(new Error('given up'));
  await expect(launching).rejects.toThrow('given up');
  expect(pending.giveUp(NAME)).toBe(false);
});

test('two launches at once have different names', async () => {
  const pending = new PendingLaunches();
  const end = Promise.withResolvers<never>();
  const first = pending.during(NAME, () => end.promise);
  await expect(pending.during(NAME, () => end.promise)).rejects.toMatchObject({ code: 'agent.badField' });
  end.reject(new Error('over'));
  await expect(first).rejects.toThrow('over');
});
