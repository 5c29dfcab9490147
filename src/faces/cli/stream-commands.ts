import { present } from '../../model/container-request.ts';
import { shellExitCode } from '../../model/exit-status.ts';
import type { AgentClient } from './agent-client.ts';
import { containerPath, waitFor } from './container-commands.ts';
import type { CliContext } from './context.ts';
import { cliErrors } from './errors.ts';
import { followLog, type LogPiece } from './followed-log.ts';
import { type ForegroundEnd, runForeground } from './foreground.ts';
import { FrameParser } from './frame-parser.ts';
import { terminalSize } from './run-command.ts';
import { environmentOf } from './run-request.ts';
import { startRelayed } from './signal-relay.ts';
import { outputOf, type StreamTicket } from './stream-client.ts';
import { parseCount, parseDetachKeys, parseMoment } from './values.ts';

const EXIT_BROKEN_PIPE = 141;
const SIGHUP = 1;

export interface LogsOptions {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly since?: string;
  readonly until?: string;
  readonly timestamps?: boolean;
}

/** `isopod logs` */
export async function logsCommand(
  context: CliContext,
  client: AgentClient,
  { id, options }: { readonly id: string; readonly options: LogsOptions },
): Promise<number> {
  const query = new URLSearchParams();
  if (options.timestamps === true) query.set('timestamps', 'true');
  if (options.tail !== undefined && options.tail !== 'all') query.set('tail', `${parseCount('--tail', options.tail)}`);
  if (options.since !== undefined) query.set('sinceMs', `${parseMoment('--since', options.since, Date.now())}`);
  if (options.until !== undefined) query.set('untilMs', `${parseMoment('--until', options.until, Date.now())}`);
  let isBroken = false;
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    isBroken = true;
  };
  context.stdout.on('error', onError);
  const path = containerPath(id);
  const pieces =
    options.follow === true
      ? followLog(client, path, query)
      : piecesOf(await client.stream('GET', `${path}/logs?${query}`));
  for await (const { stream, data } of pieces) {
    if (!context[stream].write(data) && !isBroken) await drained(context[stream]);
    if (isBroken) return EXIT_BROKEN_PIPE;
  }
  return 0;
}

async function* piecesOf(chunks: AsyncIterable<Buffer>): AsyncIterable<LogPiece> {
  const parser = new FrameParser();
  for await (const chunk of chunks) {
    for (const frame of parser.push(chunk)) {
      const piece = outputOf(frame);
      if (piece !== undefined) yield piece;
    }
  }
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('drain', () => resolve());
    stream.once('error', () => resolve());
  });
}

export interface AttachOptions {
  readonly detachKeys: string;
  /** commander's name for `--no-stdin` left out. */
  readonly stdin: boolean;
}

/** `isopod attach`. @returns the exit code of the command, if it ends while we are attached */
export async function attachCommand(
  context: CliContext,
  client: AgentClient,
  { id, options }: { readonly id: string; readonly options: AttachOptions },
): Promise<number> {
  const detachKeys = parseDetachKeys(options.detachKeys);
  interface Attached extends StreamTicket {
    readonly terminal: boolean;
    readonly stdin: boolean;
  }
  const attached = await client.call<Attached>('POST', `${containerPath(id)}/attach`);
  const end = await runForeground(context, client, {
    ticket: attached,
    role: 'observer',
    stdin: options.stdin && attached.stdin,
    terminal: attached.terminal,
    detachKeys,
    // No signal is passed on: Ctrl-C ends the watching, not what is watched; a terminal gets it as a byte.
  });
  return exitCodeOfEnd(end, async () => shellExitCode((await waitFor(client, containerPath(id))).exitStatus));
}

export interface ExecOptions {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly detach?: boolean;
  readonly env?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly privileged?: boolean;
  readonly detachKeys: string;
}

interface SessionJson {
  readonly id: string;
  readonly stream: StreamTicket;
}

/** `isopod exec`. @returns the exit code of the command */
export async function execCommand(
  context: CliContext,
  client: AgentClient,
  input: { readonly id: string; readonly command: readonly string[]; readonly options: ExecOptions },
): Promise<number> {
  const { id, command, options } = input;
  if (options.privileged === true) throw cliErrors.privilegedExec();
  const detachKeys = parseDetachKeys(options.detachKeys);
  const terminal = options.tty === true;
  const stdin = options.interactive === true;
  if (options.detach !== true && terminal && stdin && !context.stdin().isTTY) throw cliErrors.noTerminal();
  const body = present({
    command,
    env: environmentOf(options, context),
    workdir: options.workdir,
    user: options.user,
    terminal,
    stdin,
    owned: options.detach !== true,
  });
  const size = terminal ? terminalSize(context) : {};
  const { started, relay } = await startRelayed(() =>
    client.call<SessionJson>('POST', `${containerPath(id)}/exec`, { ...body, ...size }),
  );
  try {
    if (options.detach === true) return 0;
    const path = `/v1/sessions/${encodeURIComponent(started.id)}`;
    const signalled = (signal: number) => client.call<void>('POST', `${path}/signal`, { signal });
    relay.to(signalled);
    const end = await runForeground(context, client, {
      ticket: started.stream,
      role: 'owner',
      stdin,
      terminal,
      detachKeys,
    });
    if (end.kind === 'broken-pipe') await signalled(SIGHUP).catch(() => {});
    return await exitCodeOfEnd(end, async () => shellExitCode((await waitFor(client, path)).exitStatus));
  } finally {
    relay.stop();
  }
}

async function exitCodeOfEnd(end: ForegroundEnd, ask: () => Promise<number>): Promise<number> {
  switch (end.kind) {
    case 'exited':
      return shellExitCode(end.status);
    case 'detached':
      return 0;
    case 'broken-pipe':
      return EXIT_BROKEN_PIPE;
    case 'lost':
      return ask();
  }
}
