import type { z } from 'zod';
import type { Clock } from '../../../base/effects.ts';
import type { Engine } from '../../../engine/facade.ts';
import type { LauncherKind } from '../../../model/launcher-kind.ts';
import type { Need } from '../access/decide.ts';
import type { LoggingLevel } from '../diagnostics/logging-level.ts';
import type { BegunRequest } from '../idempotency.ts';
import type { OperatorSessions } from './sessions.ts';

/** What calls work with. */
export interface CallContext {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly about: AgentFacts;
  readonly logging: LoggingLevel;
  readonly sessions: OperatorSessions;
  /** Aborts when the client goes or the agent stops. */
  readonly signal: AbortSignal;
  /** Of a call that may be repeated. */
  readonly requestKey?: string | undefined;
  /** An earlier agent has begun with this very call, and died before it answered. */
  readonly begun?: BegunRequest | undefined;
}

/** What the agent says of itself. */
export interface AgentFacts {
  readonly version: string;
  readonly launcher: LauncherKind;
  readonly flags: Readonly<Record<string, string>>;
}

/** `body` of a plain answer; without one it is empty. */
export interface CallAnswer {
  readonly status: 200 | 202;
  readonly body?: Readonly<Record<string, unknown>>;
}

export const OK: CallAnswer = { status: 200 };

export interface CallKind<Fields> {
  /** `read`: it changes nothing. */
  readonly needs: Need;
  /** The next agent knows it by what it has made: a call with a key is not written down. */
  readonly isUnwritten?: boolean;
  /** Its member has to be there, be it empty. */
  readonly needsFields?: boolean;
  readonly schema: z.ZodType<Fields>;
  readonly handle: (fields: Fields, context: CallContext) => Promise<CallAnswer>;
}

/** Ties the handler to its schema, and forgets which fields they were. */
export function call<Fields>(
  needs: Need,
  schema: z.ZodType<Fields>,
  handle: CallKind<Fields>['handle'],
): CallKind<unknown> {
  return { needs, schema, handle: (fields, context) => handle(fields as Fields, context) };
}

/** An answer whose fields are in the member that is named after the call. */
export function answer(type: string, fields: Readonly<Record<string, unknown>>): CallAnswer {
  return { status: 200, body: { type, [type.toLowerCase()]: fields } };
}
