import { withDeadline } from '../base/deadline.ts';
import type { HelperPort } from '../base/effects.ts';
import type { RepeatedCheck } from '../model/health-check.ts';
import { ATTACH_ROLE } from '../model/wire.ts';
import { decodeMessage, encodeMessage, messageName } from '../model/wire-codec.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { Session, StreamTicket } from './facade.ts';
import type { ProbeResult } from './health-decision.ts';
import type { EngineHost } from './host.ts';
import type { Sessions } from './sessions.ts';

/** SIGKILL, signal(7). */
const SIGKILL = 9;
/** Of what a probe prints; the rest is read and left. As docker's. */
const MAX_OUTPUT_BYTES = 4096;
/** For what was killed to be gone. */
const REAP_MS = 3_000;

export interface ProbeParts {
  readonly host: Pick<EngineHost, 'effects'>;
  readonly sessions: Sessions;
  /** Runs the start of a probe when there is room for one. */
  readonly inTurn: <Result>(start: () => Promise<Result>) => Promise<Result>;
}

/** Runs the command of a check in the container, once; one that takes too long is killed. Never rejects. */
export async function probe(
  { host, sessions, inTurn }: ProbeParts,
  container: Container,
  { command, timeoutMs }: Extract<RepeatedCheck, { readonly command: readonly string[] }>,
): Promise<ProbeResult> {
  const { clock, helper } = host.effects;
  let startedAtMs = clock.nowMs();
  const ended = (ok: boolean, exitCode: number | undefined, output: string): ProbeResult => ({
    ...{ startedAtMs, endedAtMs: clock.nowMs(), ok, exitCode, output },
  });
  try {
    const exec = {
      container: container.uid,
      command,
      env: [],
      terminal: false,
      stdin: false,
      owned: true,
      endsWithEngine: true,
    } as const;
    const session = await inTurn(() => {
      startedAtMs = clock.nowMs();
      return sessions.start(container, exec, { leavesNothing: true });
    });
    const output = readOutput(helper, session.stream);
    const late = engineErrors.overdue({ what: 'the health check', ms: timeoutMs });
    try {
      const wait = withDeadline(clock, sessions.wait(session.id), { ms: timeoutMs, expired: () => late });
      const { exitStatus } = await wait;
      const text = await withDeadline(clock, output.done, { ms: REAP_MS, expired: () => late }).catch(() => '');
      if (exitStatus.kind === 'exited') return ended(exitStatus.code === 0, exitStatus.code, text);
      return ended(
        false,
        undefined,
        `${text}ended by ${exitStatus.kind === 'lost' ? 'nobody knows what' : `signal ${exitStatus.signal}`}`,
      );
    } catch (error) {
      if (error !== late) throw error;
      await endLate(sessions, session, host);
      return ended(false, undefined, `${output.soFar()}took longer than ${timeoutMs} ms and was killed`);
    } finally {
      output.close();
      sessions.forget(session.id);
    }
  } catch (error) {
    return ended(false, undefined, error instanceof Error ? error.message : String(error));
  }
}

async function endLate(sessions: Sessions, { id }: Session, { effects }: ProbeParts['host']): Promise<void> {
  await sessions.signal(id, SIGKILL).catch(() => {}); // it has ended in this very moment
  const expired = (): Error => engineErrors.overdue({ what: 'the end of a health check that was killed', ms: REAP_MS });
  await withDeadline(effects.clock, sessions.wait(id), { ms: REAP_MS, expired }).catch(() => {}); // goes with its container
}

interface Output {
  /** All that is kept of it, when it has ended. */
  readonly done: Promise<string>;
  soFar(): string;
  close(): void;
}

/** Reads what a session prints to its end, and keeps the beginning; what cannot be read is left out. */
function readOutput(helper: HelperPort, { socketPath, ticket }: StreamTicket): Output {
  const stop = new AbortController();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const keep = (data: Uint8Array): void => {
    parts.push(data.subarray(0, MAX_OUTPUT_BYTES - bytes));
    bytes = Math.min(MAX_OUTPUT_BYTES, bytes + data.length);
  };
  const soFar = (): string => Buffer.concat(parts).toString('utf8');
  const read = async (): Promise<string> => {
    const connection = await helper.connect(socketPath, stop.signal);
    try {
      // From its beginning: what it printed before we came is kept for us.
      const values = { ticket: Buffer.from(ticket, 'hex'), role: ATTACH_ROLE.owner, stdin: 0, from: 1 };
      const { type, payload } = encodeMessage('attach', values);
      await connection.send(type, payload);
      for (;;) {
        const frame = await connection.receive(stop.signal);
        const name = frame === undefined ? undefined : messageName(frame);
        if (frame === undefined || name === 'exited' || name === 'refused') return soFar();
        if (name === 'stdout' || name === 'stderr') keep(decodeMessage(name, frame).data);
      }
    } finally {
      connection.close();
    }
  };
  const done = read().catch(() => soFar());
  return { done, soFar, close: () => stop.abort() };
}
