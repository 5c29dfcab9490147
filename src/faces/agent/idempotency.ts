import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../../base/effects.ts';
import { agentErrors } from './errors.ts';
import { KEEP_MS, MAX_KEYS, RequestJournal, type WrittenRequest } from './request-journal.ts';

/** Header that makes a retry of a mutating request get the first answer. */
const IDEMPOTENCY_HEADER = 'idempotency-key';
const MOST_KEY_CHARACTERS = 128;

interface Entry<Result> {
  readonly request: string;
  readonly digest: string;
  readonly answer: Promise<Result>;
  readonly atMs: number;
  /** Its name in the journal. */
  readonly written: string | undefined;
}

/** A request that may come again. */
export interface RepeatableRequest {
  readonly key: string;
  /** Whose key it is: what one caller was answered is nobody else's. */
  readonly of: string;
  /** What is called: method and path, or the type of a call. */
  readonly request: string;
  /** All else that it says. */
  readonly content: unknown;
  /** The uid of the container that it is about. */
  readonly subject?: string | undefined;
  /** Nothing is written down: the next agent knows it by what it has made, or it changes nothing. */
  readonly isUnwritten?: boolean | undefined;
}

/** A request that an earlier agent has begun with, and may have carried out. */
export interface BegunRequest {
  readonly atMs: number;
  /** What it was about then. */
  readonly subject: string | undefined;
}

/** Answers that stand on disk as JSON. */
export interface AnswerCodec<Result> {
  /** @returns `undefined` for an answer that cannot be written down */
  write(answer: Result): unknown;
  read(written: unknown): Result;
}

export interface IdempotentAnswersOptions<Result> {
  readonly clock: Clock;
  readonly journal: RequestJournal;
  /** Which of the agent's faces these are for. */
  readonly face: string;
  readonly codec: AnswerCodec<Result>;
}

/** The key of a request that has one. @throws {EngineError} `agent.keyTooLong` (invalid-argument) */
export function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const key = headers[IDEMPOTENCY_HEADER];
  if (typeof key !== 'string') return undefined;
  if (key.length > MOST_KEY_CHARACTERS) {
    throw agentErrors.keyTooLong({ length: key.length, most: MOST_KEY_CHARACTERS });
  }
  return key;
}

/** What names a request among those of all callers. */
export function requestKeyOf({ key, of }: Pick<RepeatableRequest, 'key' | 'of'>): string {
  return JSON.stringify([of, key]);
}

/**
 * Answers of mutating requests by the key that the client chose, so that a retry gets the first answer and does
 * nothing twice, also of the agent after a killed one. Bounded: the oldest go when 512 are kept, each after 5 minutes.
 */
export class IdempotentAnswers<Result> {
  readonly #options: IdempotentAnswersOptions<Result>;
  readonly #entries = new Map<string, Entry<Result>>();

  constructor(options: IdempotentAnswersOptions<Result>) {
    this.#options = options;
  }

  /**
   * @param run is told of an earlier agent that has begun with the same request and died before it answered
   * @throws {EngineError} `agent.keyReused`: the key has named another request
   */
  answer(call: RepeatableRequest, run: (begun?: BegunRequest) => Promise<Result>): Promise<Result> {
    const { request } = call;
    const own = requestKeyOf(call);
    const digest = createHash('sha256')
      .update(JSON.stringify([call.content]))
      .digest('hex');
    this.#forgetOld();
    const known = this.#entries.get(own);
    if (known !== undefined) {
      checkSame(call, known, digest);
      return known.answer;
    }
    const { clock, face } = this.#options;
    const id = RequestJournal.idOf([face, call.of, call.key]);
    const answer = call.isUnwritten === true ? run() : this.#written(id, { call, digest }, run);
    const written = call.isUnwritten === true ? undefined : id;
    this.#entries.set(own, { request, digest, answer, atMs: clock.monotonicMs(), written });
    // A failure is not kept: nothing was left behind by it, so the retry may succeed.
    answer.catch(() => this.#entries.delete(own));
    return answer;
  }

  /** Written down before it is carried out, and with its answer before that is given. */
  async #written(
    id: string,
    { call, digest }: { readonly call: RepeatableRequest; readonly digest: string },
    run: (begun?: BegunRequest) => Promise<Result>,
  ): Promise<Result> {
    const { journal, clock, codec } = this.#options;
    const before = await journal.find(id);
    if (before !== undefined) checkSame(call, before, digest);
    if (before?.answer !== undefined) return codec.read(before.answer);
    const begun = before ?? { request: call.request, digest, atMs: clock.nowMs(), subject: call.subject };
    if (before === undefined) await journal.write(id, begun);
    try {
      const answer = await run(before && { atMs: before.atMs, subject: before.subject });
      await journal.write(id, { ...begun, answer: codec.write(answer) });
      return answer;
    } catch (error) {
      // Of what an earlier agent may have done nobody knows any better now.
      if (before === undefined) await journal.forget(id);
      throw error;
    }
  }

  #forgetOld(): void {
    const { clock, journal } = this.#options;
    const oldest = clock.monotonicMs() - KEEP_MS;
    for (const [key, entry] of this.#entries) {
      if (entry.atMs > oldest && this.#entries.size < MAX_KEYS) return;
      this.#entries.delete(key);
      if (entry.written !== undefined) void journal.forget(entry.written);
    }
  }
}

function checkSame(
  { key, request }: RepeatableRequest,
  first: Pick<WrittenRequest, 'request' | 'digest'>,
  digest: string,
): void {
  if (first.request === request && first.digest === digest) return;
  throw agentErrors.keyReused({ key, first: first.request, now: request });
}
