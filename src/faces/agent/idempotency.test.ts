import { expect, test } from 'vitest';
import type { Clock, Files } from '../../base/effects.ts';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import {
  type AnswerCodec,
  type BegunRequest,
  IdempotentAnswers,
  keyOf,
  type RepeatableRequest,
} from './idempotency.ts';
import { testJournal } from './request-journal.fixture.ts';

const KILL: RepeatableRequest = {
  key: 'k',
  of: 'root',
  request: 'POST /v1/containers/web/kill',
  content: ['', { signal: 10 }],
  subject: '0123456789ab',
};
const FIVE_MINUTES_MS = 5 * 60_000;
const CODEC: AnswerCodec<number> = { write: (answer) => answer, read: Number };

/** Agents, one after the other, on the same files and with one clock. */
class Agents {
  readonly files = memoryFiles({});
  nowMs = 1_000_000;
  readonly #clock = { nowMs: () => this.nowMs, monotonicMs: () => this.nowMs } as Clock;

  next(face = 'v1', files: Files = this.files): IdempotentAnswers<number> {
    const clock = this.#clock;
    return new IdempotentAnswers({ clock, journal: testJournal({ files, clock }), face, codec: CODEC });
  }

  get written(): readonly Record<string, unknown>[] {
    return [...this.files.texts.values()].map((text) => JSON.parse(text));
  }
}

/** What an agent that is killed meanwhile never comes back from. */
const never = (): Promise<number> => new Promise(() => {});
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a request is done once for its key, and again for that of another caller', async () => {
  const answers = new Agents().next();
  let count = 0;
  const run = async (): Promise<number> => ++count;
  expect([await answers.answer(KILL, run), await answers.answer(KILL, run)]).toEqual([1, 1]);
  expect(await answers.answer({ ...KILL, of: 'token ci' }, run)).toBe(2);
});

test('a request that comes twice at once is done once', async () => {
  const answers = new Agents().next();
  let count = 0;
  const run = async (): Promise<number> => ++count;
  expect(await Promise.all([answers.answer(KILL, run), answers.answer(KILL, run)])).toEqual([1, 1]);
});

test.each([
  ['another path', { request: 'POST /v1/runs' }],
  ['another query', { content: ['?all=true', { signal: 10 }] }],
  ['another body', { content: ['', { signal: 9 }] }],
])('a key that comes with %s is refused, by this agent and by the next', async (_, other) => {
  const agents = new Agents();
  const answers = agents.next();
  await answers.answer(KILL, async () => 1);
  const refused = expect.objectContaining({ code: 'agent.keyReused' });
  expect(() => answers.answer({ ...KILL, ...other }, async () => 2)).toThrow(refused);
  await expect(agents.next().answer({ ...KILL, ...other }, async () => 2)).rejects.toThrow(refused);
});

test('a key that is too long to be kept is refused', () => {
  expect(keyOf({ 'idempotency-key': 'k'.repeat(128) })).toHaveLength(128);
  expect(() => keyOf({ 'idempotency-key': 'k'.repeat(129) })).toThrow('129 characters, and at most 128');
  expect(keyOf({})).toBeUndefined();
});

test('what an agent has carried out before it was killed, the next one answers as that did', async () => {
  const agents = new Agents();
  expect(await agents.next().answer(KILL, async () => 7)).toBe(7);
  const run = async (): Promise<number> => expect.fail('it is carried out again');
  expect(await agents.next().answer(KILL, run)).toBe(7);
});

test('an agent killed between doing and answering: the next is told that it has been begun, and about what', async () => {
  const agents = new Agents();
  void agents.next().answer(KILL, never);
  await settled();
  const told: (BegunRequest | undefined)[] = [];
  const begun = async (before?: BegunRequest): Promise<number> => told.push(before);
  // By then the name may be that of another container.
  await agents.next().answer({ ...KILL, subject: 'ffffffffffff' }, begun);
  expect(told).toEqual([{ atMs: 1_000_000, subject: '0123456789ab' }]);
});

test('what nobody knows the outcome of is told so each time, however often it is refused', async () => {
  const agents = new Agents();
  void agents.next().answer(KILL, never);
  await settled();
  const answers = agents.next();
  const told: boolean[] = [];
  for (const _ of [1, 2]) {
    const refuse = async (before?: BegunRequest): Promise<number> => {
      told.push(before !== undefined);
      throw new Error('nobody knows');
    };
    await expect(answers.answer(KILL, refuse)).rejects.toThrow('nobody knows');
  }
  expect(told).toEqual([true, true]);
});

test('it is written down before it is carried out, and nothing of what it says', async () => {
  const agents = new Agents();
  let before: readonly unknown[] = [];
  await agents.next().answer({ ...KILL, content: ['', 'a secret'] }, async () => {
    before = agents.written;
    return 1;
  });
  expect(before).toEqual([expect.objectContaining({ request: KILL.request, subject: KILL.subject })]);
  expect(before).toEqual([expect.not.objectContaining({ answer: expect.anything() })]);
  expect(agents.written).toEqual([expect.objectContaining({ answer: 1 })]);
  expect(JSON.stringify(agents.written)).not.toContain('secret');
});

test('a failure is remembered by no agent', async () => {
  const agents = new Agents();
  const fail = async (): Promise<number> => {
    throw new Error('no');
  };
  await expect(agents.next().answer(KILL, fail)).rejects.toThrow('no');
  expect(agents.written).toEqual([]);
  expect(await agents.next().answer(KILL, async () => 2)).toBe(2);
});

test('after five minutes it is another request, for the next agent too, and nothing of it is left', async () => {
  const agents = new Agents();
  await agents.next().answer(KILL, async () => 1);
  const next = agents.next();
  await next.answer({ ...KILL, key: 'another' }, async () => 1);
  agents.nowMs += FIVE_MINUTES_MS + 1;
  expect(await next.answer({ ...KILL, key: 'third' }, async () => 3)).toBe(3);
  await settled();
  expect(agents.written).toHaveLength(1);
  expect(await next.answer(KILL, async () => 2)).toBe(2);
});

test('one that is known by what it makes is not written down', async () => {
  const agents = new Agents();
  await agents.next().answer({ ...KILL, isUnwritten: true }, async () => 1);
  expect(agents.written).toEqual([]);
});

test('a key of one face is none of another', async () => {
  const agents = new Agents();
  await agents.next().answer(KILL, async () => 1);
  expect(await agents.next('operator').answer(KILL, async () => 2)).toBe(2);
});

test('an answer that is too long is not written down, and the request counts as begun', async () => {
  const agents = new Agents();
  const codec: AnswerCodec<string> = { write: (answer) => answer, read: String };
  const clock = { nowMs: () => 1, monotonicMs: () => 1 } as Clock;
  const next = () =>
    new IdempotentAnswers({ clock, journal: testJournal({ files: agents.files, clock }), face: 'v1', codec });
  await next().answer(KILL, async () => 'x'.repeat(20_000));
  expect(await next().answer(KILL, async (before) => (before === undefined ? 'new' : 'begun'))).toBe('begun');
});

test('at most 512 are kept, in memory and on disk', async () => {
  const agents = new Agents();
  const answers = agents.next();
  for (let n = 0; n < 600; n++) await answers.answer({ ...KILL, key: `${n}` }, async () => n);
  await settled();
  expect(agents.files.texts.size).toBe(512);
  expect(await answers.answer({ ...KILL, key: '599' }, async () => -1)).toBe(599);
  expect(await answers.answer({ ...KILL, key: '0' }, async () => -1)).toBe(-1);
});
