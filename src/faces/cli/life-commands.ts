import { shellExitCode, type Termination } from '../../model/exit-status.ts';
import type { AgentClient } from './agent-client.ts';
import { containerPath, forEach, forEachAtOnce, graceBody } from './container-commands.ts';
import type { CliContext } from './context.ts';
import { cliErrors } from './errors.ts';
import { stayWith } from './run-command.ts';
import { startRelayed } from './signal-relay.ts';
import type { StreamTicket } from './stream-client.ts';
import { attachCommand } from './stream-commands.ts';
import { parseDetachKeys, parseDuration } from './values.ts';

export interface StartOptions {
  readonly attach?: boolean;
  readonly interactive?: boolean;
  readonly detachKeys: string;
}

interface StartedJson {
  readonly status: { readonly uid: string; readonly config: { readonly terminal: boolean; readonly stdin: boolean } };
  readonly stream: StreamTicket | null;
}

/** `isopod start`. @returns with `--attach` the exit code of the command */
export function startCommand(
  context: CliContext,
  client: AgentClient,
  { ids, options }: { readonly ids: readonly string[]; readonly options: StartOptions },
): Promise<number> {
  if (options.attach === true || options.interactive === true) return startAttached(context, client, { ids, options });
  return forEachAtOnce(context, ids, async (id) => {
    await client.call('POST', `${containerPath(id)}/start`, {});
    return id;
  });
}

async function startAttached(
  context: CliContext,
  client: AgentClient,
  { ids: [id = '', ...others], options }: { readonly ids: readonly string[]; readonly options: StartOptions },
): Promise<number> {
  if (others.length > 0) {
    const value = `with ${others.length + 1} containers`;
    throw cliErrors.badValue({ option: '--attach', value, wanted: 'one container: our streams are joined with its' });
  }
  const detachKeys = parseDetachKeys(options.detachKeys);
  const isInteractive = options.interactive === true;
  const { started, relay } = await startRelayed(() =>
    client.call<StartedJson>('POST', `${containerPath(id)}/start`, { owned: true }),
  );
  try {
    const { stream, status } = started;
    // Somebody has started it already: then we are one more who looks on.
    if (stream === null) {
      relay.stop();
      return await attachCommand(context, client, { id, options: { ...options, stdin: isInteractive } });
    }
    const { terminal, stdin } = status.config;
    const join = { terminal, stdin: stdin && isInteractive, detachKeys };
    return await stayWith(context, client, { uid: status.uid, stream, relay, isBounded: false, ...join });
  } finally {
    relay.stop();
  }
}

/** `isopod restart` */
export function restartCommand(
  context: CliContext,
  client: AgentClient,
  { ids, time }: { readonly ids: readonly string[]; readonly time: string | undefined },
): Promise<number> {
  const body = graceBody(time);
  return forEachAtOnce(context, ids, async (id) => {
    await client.call('POST', `${containerPath(id)}/restart`, body);
    return id;
  });
}

export const CONDITIONS = ['exited', 'running', 'ready', 'healthy'] as const;
/** One long poll; a shorter one where less time is left. */
const POLL_MS = 30_000;

export interface WaitOptions {
  readonly condition: (typeof CONDITIONS)[number];
  readonly timeout?: string;
}

/** `isopod wait`: prints exit codes, or the uids of containers that are as wanted. */
export function waitForCommand(
  context: CliContext,
  client: AgentClient,
  { ids, options }: { readonly ids: readonly string[]; readonly options: WaitOptions },
): Promise<number> {
  const { condition, timeout } = options;
  const timeoutMs = timeout === undefined ? undefined : parseDuration('--timeout', timeout);
  const until = timeoutMs === undefined ? undefined : { endMs: performance.now() + timeoutMs, timeoutMs };
  return forEach(context, ids, (id) => waitUntil(client, { id, condition, until }));
}

async function waitUntil(
  client: AgentClient,
  {
    id,
    condition,
    until,
  }: {
    readonly id: string;
    readonly condition: WaitOptions['condition'];
    readonly until: { readonly endMs: number; readonly timeoutMs: number } | undefined;
  },
): Promise<string> {
  for (;;) {
    const leftMs = until === undefined ? POLL_MS : Math.ceil(until.endMs - performance.now());
    const done = await poll(client, { id, condition, timeoutMs: Math.max(0, Math.min(leftMs, POLL_MS)) });
    if (done !== undefined) return done;
    if (until !== undefined && performance.now() >= until.endMs) {
      throw cliErrors.notInTime({ id, condition, ms: until.timeoutMs });
    }
  }
}

/** @returns what is printed of it; `undefined` when the time was over first */
async function poll(
  client: AgentClient,
  { id, condition, timeoutMs }: { readonly id: string; readonly condition: string; readonly timeoutMs: number },
): Promise<string | undefined> {
  const path = containerPath(id);
  if (condition === 'exited') {
    interface Ended {
      readonly termination: Termination | null;
    }
    const { termination } = await client.call<Ended>('GET', `${path}/wait?timeoutMs=${timeoutMs}`);
    return termination === null ? undefined : `${shellExitCode(termination.exitStatus)}`;
  }
  const query = `condition=${condition}&timeoutMs=${timeoutMs}`;
  const { isMet } = await client.call<{ readonly isMet: boolean }>('GET', `${path}/wait-for?${query}`);
  return isMet ? id : undefined;
}
