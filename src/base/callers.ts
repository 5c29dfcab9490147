import type { Span } from './tracing.ts';

/** On whose behalf something is done. */
export interface Caller {
  /** Names one request in every line of the log that comes of it. */
  readonly requestId: string;
  /** The container that it is about, once that is known: its uid, and before it is looked up what it was called. */
  container: string | undefined;
  /** Of the request, where it is recorded. */
  readonly span?: Span | undefined;
}

/** Tells for whom the work at hand is done, without its being handed from function to function. */
export interface Callers {
  /** Runs work, and all that follows from it later, on behalf of a caller. */
  run<Result>(caller: Caller, work: () => Result): Result;
  /** `undefined` for what nobody asked for. */
  current(): Caller | undefined;
}

/** Where nobody is told apart: in programs that embed the engine, and in tests. */
export const NO_CALLERS: Callers = {
  run: (_, work) => work(),
  current: () => undefined,
};
