import type { Effects, HelperConnection } from '../base/effects.ts';
import { readHello } from '../linux/helper-worker.ts';
import { systemErrorCode } from '../model/error.ts';
import { ATTACH_ROLE, type MessageValues } from '../model/wire.ts';
import { decodeMessage, encodeMessage, messageName } from '../model/wire-codec.ts';
import { launcherErrors } from './errors.ts';
import { otherVersion } from './monitor-version.ts';

/** A monitor that does not answer counts as gone, and its container is ended: one that is only slow must not cost that. */
const ATTACH_DEADLINE_MS = 30_000;

export interface AttachedMonitor {
  readonly connection: HelperConnection;
  readonly attached: MessageValues<'attached'>;
  /** Where it is not that of this agent. */
  readonly version: ReturnType<typeof otherVersion>;
}

interface MonitorAddress {
  readonly uid: string;
  readonly socketPath: string;
  readonly controlTicket: Uint8Array;
}

/**
 * Connects to a monitor that an earlier agent has started.
 *
 * @returns `undefined` where none is there, or none that answers as one of ours
 * @throws what connecting was refused with
 */
export async function attachMonitor(
  { helper, clock }: Pick<Effects, 'helper' | 'clock'>,
  address: MonitorAddress,
): Promise<AttachedMonitor | undefined> {
  // One signal for all of it, and a timer of the clock: a start has a thousand of them.
  const late = new AbortController();
  const during = `attach, unanswered for ${ATTACH_DEADLINE_MS} ms`;
  const expire = (): void => late.abort(launcherErrors.monitorGone({ uid: address.uid, during }));
  const cancel = clock.after(ATTACH_DEADLINE_MS, expire);
  try {
    const connection = await connectTo(helper, address.socketPath, late.signal);
    return connection && (await attach(connection, address.controlTicket, late.signal));
  } finally {
    cancel();
  }
}

async function connectTo(
  helper: Effects['helper'],
  socketPath: string,
  signal: AbortSignal,
): Promise<HelperConnection | undefined> {
  try {
    return await helper.connect(socketPath, signal);
  } catch (error) {
    if (['ENOENT', 'ECONNREFUSED'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}

async function attach(
  connection: HelperConnection,
  ticket: Uint8Array,
  signal: AbortSignal,
): Promise<AttachedMonitor | undefined> {
  try {
    const version = otherVersion((await readHello(connection, signal)).version);
    const request = encodeMessage('attach', { ticket, role: ATTACH_ROLE.control, stdin: 0, from: 0 });
    await connection.send(request.type, request.payload);
    const answer = await connection.receive(signal);
    if (answer !== undefined && messageName(answer) === 'attached') {
      return { connection, attached: decodeMessage('attached', answer), version };
    }
  } catch {
    // It has gone meanwhile, or is none of ours.
  }
  connection.close();
  return undefined;
}
