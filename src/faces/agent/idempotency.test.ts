import { expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { IdempotentAnswers, keyOf, type RepeatableRequest } from './idempotency.ts';

const LAUNCH: RepeatableRequest = {
  key: 'k',
  of: 'root',
  request: 'POST /v1/containers',
  content: ['', { name: 'a' }],
};

test('a request is done once for its key, and again for that of another caller', async () => {
  const answers = new IdempotentAnswers<number>(nodeEffects().clock);
  let count = 0;
  const run = async (): Promise<number> => ++count;
  expect([await answers.answer(LAUNCH, run), await answers.answer(LAUNCH, run)]).toEqual([1, 1]);
  expect(await answers.answer({ ...LAUNCH, of: 'token ci' }, run)).toBe(2);
});

test.each([
  ['another path', { request: 'POST /v1/runs' }],
  ['another query', { content: ['?pulledByCaller=true', { name: 'a' }] }],
  ['another body', { content: ['', { name: 'b' }] }],
])('a key that comes with %s is refused', async (_, other) => {
  const answers = new IdempotentAnswers<number>(nodeEffects().clock);
  await answers.answer(LAUNCH, async () => 1);
  expect(() => answers.answer({ ...LAUNCH, ...other }, async () => 2)).toThrow(
    expect.objectContaining({ code: 'agent.keyReused' }),
  );
});

test('a key that is too long to be kept is refused', () => {
  expect(keyOf({ 'idempotency-key': 'k'.repeat(128) })).toHaveLength(128);
  expect(() => keyOf({ 'idempotency-key': 'k'.repeat(129) })).toThrow('129 characters, and at most 128');
  expect(keyOf({})).toBeUndefined();
});
