import type { Clock } from '../../../base/effects.ts';
import { isEngineError } from '../../../model/error.ts';
import type { RequestNote } from '../diagnostics/request-note.ts';
import { type AuditRecord, isRefusal } from './audit.ts';
import type { Door } from './authenticate.ts';
import type { Caller } from './decide.ts';

/** What is known of one request so far; its end is told to the audit log from here. */
export class Visit {
  readonly door: Door;
  caller: Caller | undefined;
  /** The call, once it is known which: until then what the client wrote. */
  what: string;
  /** The container, session or volume that it is about. */
  on: string | undefined;
  /** Whether it may change something. */
  mutates = false;
  error: unknown;
  /** For the log, and for what is counted. */
  readonly note: RequestNote;

  constructor(note: RequestNote, door: Door, what: string) {
    this.note = note;
    this.door = door;
    this.what = what;
  }

  /** @returns `undefined` for one that changed nothing and was refused nothing */
  record(clock: Clock): AuditRecord | undefined {
    const error = this.error === undefined ? undefined : describe(this.error);
    const isRefused = error !== undefined && isRefusal(error);
    if (!this.mutates && !isRefused) return undefined;
    const who = this.caller?.name ?? whoWasRefused(this.error);
    return {
      ...{ time: new Date(clock.nowMs()).toISOString(), request: this.note.requestId },
      ...(who !== undefined && { who }),
      ...{ door: this.door, what: this.what },
      ...(this.on !== undefined && { on: this.on }),
      outcome: isRefused ? 'refused' : error === undefined ? 'done' : 'failed',
      ...(error !== undefined && { code: error.code, message: error.message }),
    };
  }
}

/** Who is known and was granted nothing never becomes a caller: his refusal names him. */
function whoWasRefused(error: unknown): string | undefined {
  if (!isEngineError(error) || error.code !== 'access.noGrant') return undefined;
  const { who } = error.details;
  return typeof who === 'string' ? who : undefined;
}

function describe(error: unknown) {
  if (isEngineError(error)) return error;
  return {
    kind: 'internal',
    code: 'agent.internal',
    message: error instanceof Error ? error.message : String(error),
  } as const;
}
