import { expect, test } from 'vitest';
import { untilAborted, withDeadline } from './deadline.ts';
import { nodeEffects } from './effects/node-effects.ts';

const { clock } = nodeEffects();
const NEVER = new Promise<never>(() => {});
const expired = (): Error => new Error('too late');

test('a promise that settles in time gives its value', async () => {
  await expect(withDeadline(clock, Promise.resolve(7), { ms: 1_000, expired })).resolves.toBe(7);
});

test('a promise that does not settle in time rejects with the given error', async () => {
  await expect(withDeadline(clock, NEVER, { ms: 1, expired })).rejects.toThrow('too late');
});

test('a signal ends the wait with its reason, before and during it', async () => {
  const controller = new AbortController();
  const waiting = withDeadline(clock, NEVER, { ms: 1_000, expired, signal: controller.signal });
  controller.abort(new Error('given up'));
  await expect(waiting).rejects.toThrow('given up');
  await expect(withDeadline(clock, NEVER, { ms: 1_000, expired, signal: controller.signal })).rejects.toThrow(
    'given up',
  );
});

test('any of several signals ends a wait', async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const waiting = untilAborted(NEVER, first.signal, second.signal);
  second.abort(new Error('the second'));
  await expect(waiting).rejects.toThrow('the second');
});
