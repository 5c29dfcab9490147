import type { ExecConfig } from '../model/container-config.ts';
import type { Termination } from '../model/exit-status.ts';
import { checkTermination, Fields, isFiniteNumber, isText, isTicket } from './record-format.ts';

/** A process that joined a container; of use in this boot only. */
export interface SessionRecord {
  readonly schemaVersion: 1;
  readonly id: string;
  readonly bootId: string;
  readonly controlTicket: string;
  readonly startedAtMs: number;
  /** What its caller calls it, among the sessions of its container. */
  readonly name?: string;
  /** It goes with the engine that started it. */
  readonly endsWithEngine?: true;
  /** Nobody asks for its end: its record goes with that. */
  readonly leavesNothing?: true;
  /** Absent while it is under way. */
  readonly termination?: Termination;
}

/** What is known of a session before it starts. */
export interface NewSession extends Pick<SessionRecord, 'id' | 'bootId' | 'startedAtMs' | 'leavesNothing'> {
  readonly controlTicket: Uint8Array;
  readonly exec: Pick<ExecConfig, 'endsWithEngine'>;
  readonly name?: string | undefined;
}

export function newSessionRecord(session: NewSession): SessionRecord {
  const { id, bootId, startedAtMs, controlTicket, exec, name, leavesNothing } = session;
  return {
    ...{ schemaVersion: 1, id, bootId, startedAtMs },
    controlTicket: Buffer.from(controlTicket).toString('hex'),
    ...(name !== undefined && { name }),
    ...(exec.endsWithEngine === true && { endsWithEngine: true }),
    ...(leavesNothing === true && { leavesNothing }),
  };
}

/** @throws {EngineError} `record.malformed`, `record.schemaVersion` */
export function parseSessionRecord(id: string, value: unknown): SessionRecord {
  const fields = new Fields('session record', value);
  fields.require('id', (found) => found === id);
  fields.require('bootId', isText);
  fields.require('controlTicket', isTicket);
  fields.require('startedAtMs', isFiniteNumber);
  fields.require('name', (found) => found === undefined || isText(found));
  const record = value as SessionRecord;
  if (record.termination !== undefined) checkTermination('session record', fields.object('termination'));
  return record;
}
