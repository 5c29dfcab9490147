import type { ExitStatus } from '../../model/exit-status.ts';
import { MAX_STREAM_DATA_BYTES } from '../../model/wire-codec.ts';
import type { AgentClient } from './agent-client.ts';
import type { CliContext } from './context.ts';
import { DetachKeys } from './detach-keys.ts';
import { attachTo, type StreamClient, type StreamTicket } from './stream-client.ts';

export interface ForegroundOptions {
  readonly ticket: StreamTicket;
  readonly role: 'owner' | 'observer';
  /** Send our input to the process. */
  readonly stdin: boolean;
  /** The process has a terminal: raw mode, resizes, detach keys. */
  readonly terminal: boolean;
  readonly detachKeys: Uint8Array;
}

export type ForegroundEnd =
  | { readonly kind: 'exited'; readonly status: ExitStatus }
  | { readonly kind: 'detached' }
  /** Nobody reads our output any more. */
  | { readonly kind: 'broken-pipe' }
  /** The monitor went without telling the end. */
  | { readonly kind: 'lost' };

/** Joins our own streams with those of a process until it ends, we detach, or our output breaks. */
export async function runForeground(
  context: CliContext,
  agent: AgentClient,
  options: ForegroundOptions,
): Promise<ForegroundEnd> {
  const undo: (() => void)[] = [];
  const ends: Promise<ForegroundEnd>[] = [];
  const broken = watchOutput(context);
  ends.push(broken.end);
  const raw = options.terminal && options.stdin && context.stdin().isTTY;
  try {
    if (raw) undo.push(await enterRawMode(context));
    const client = attachTo(await agent.streams(options.ticket.socketPath), options, {
      output: (stream, data) => write(context[stream], data, () => client.resume()),
      gap: (stream, bytes) =>
        context.stderr.write(`isopod: ${bytes} bytes of ${stream} left out: we read too slowly\n`),
    });
    undo.push(() => client.close());
    ends.push(client.ended.then((status) => (status === undefined ? { kind: 'lost' } : { kind: 'exited', status })));
    if (options.terminal) undo.push(followSize(context, client));
    if (options.stdin) {
      const input = sendInput(context, client, options);
      undo.push(input.stop);
      ends.push(input.detached);
    }
    const end = await Promise.race(ends);
    if (end.kind === 'lost') {
      context.stderr.write('isopod: the connection to the monitor broke: output may be missing\n');
    }
    return end;
  } finally {
    for (const stop of undo.reverse()) stop();
    broken.stop();
  }
}

function write(stream: NodeJS.WriteStream, data: Uint8Array, resume: () => void): boolean {
  if (stream.write(data)) return true;
  stream.once('drain', resume);
  return false;
}

function watchOutput(context: CliContext): { readonly end: Promise<ForegroundEnd>; readonly stop: () => void } {
  let fail: (error: NodeJS.ErrnoException) => void = () => {};
  const end = new Promise<ForegroundEnd>((resolve, reject) => {
    fail = (error) => (error.code === 'EPIPE' ? resolve({ kind: 'broken-pipe' }) : reject(error));
  });
  context.stdout.on('error', fail);
  context.stderr.on('error', fail);
  return {
    end,
    // One listener stays: a late error of a pipe that nobody reads must not end us with a trace.
    stop: () => {
      context.stdout.on('error', () => {});
      context.stderr.on('error', () => {});
    },
  };
}

function followSize(context: CliContext, client: StreamClient): () => void {
  const tell = (): void => {
    const { rows, columns } = context.stdout;
    if (rows > 0 && columns > 0) client.resize(rows, columns);
  };
  tell();
  context.stdout.on('resize', tell);
  return () => context.stdout.removeListener('resize', tell);
}

/** @returns what gives the terminal back as it was */
async function enterRawMode(context: CliContext): Promise<() => void> {
  const stdin = context.stdin();
  // Node keeps the settings that it found, and brings them back at our end, however that comes.
  stdin.setRawMode(true);
  await context.rawTerminal().catch((error: Error) => {
    context.stderr.write(`isopod: full-screen programs may look odd on this terminal: ${error.message}\r\n`);
  });
  return () => void stdin.setRawMode(false);
}

function sendInput(
  context: CliContext,
  client: StreamClient,
  options: ForegroundOptions,
): { readonly detached: Promise<ForegroundEnd>; readonly stop: () => void } {
  const stdin = context.stdin();
  const raw = options.terminal && stdin.isTTY;
  const keys = new DetachKeys(raw ? options.detachKeys : new Uint8Array(0));
  let detach: (end: ForegroundEnd) => void = () => {};
  const detached = new Promise<ForegroundEnd>((resolve) => {
    detach = resolve;
  });
  const onData = (chunk: Buffer): void => {
    const { data, detached: isDetached } = keys.push(chunk);
    let free = true;
    for (let start = 0; start < data.length; start += MAX_STREAM_DATA_BYTES) {
      free = client.input(data.subarray(start, start + MAX_STREAM_DATA_BYTES)) && free;
    }
    if (isDetached) detach({ kind: 'detached' });
    if (!free) {
      stdin.pause();
      client.drained(() => stdin.resume());
    }
  };
  // Who only looks on leaves stdin open for those who come later, as `docker attach` does.
  const onEnd = (): void => {
    if (options.role === 'owner') client.endInput();
  };
  stdin.on('data', onData);
  stdin.once('end', onEnd);
  // A read error (a terminal that went away) is an end of input.
  stdin.once('error', onEnd);
  return {
    detached,
    stop: () => {
      stdin.removeListener('data', onData);
      stdin.pause();
      stdin.unref?.();
    },
  };
}
