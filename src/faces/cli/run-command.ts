import { randomUUID } from 'node:crypto';
import { EngineError } from '../../model/error.ts';
import { shellExitCode, type Termination } from '../../model/exit-status.ts';
import type { AgentClient } from './agent-client.ts';
import { waitFor } from './container-commands.ts';
import { type CliContext, printLine } from './context.ts';
import { cliErrors } from './errors.ts';
import { type ForegroundEnd, runForeground } from './foreground.ts';
import { visible } from './format.ts';
import { pullWithProgress } from './pull-progress.ts';
import { containerRequestOf, type RunOptions } from './run-request.ts';
import { type SignalRelay, startRelayed } from './signal-relay.ts';
import type { StreamTicket } from './stream-client.ts';
import { parseDetachKeys } from './values.ts';

interface Launched {
  readonly status: { readonly uid: string };
  readonly stream: StreamTicket | null;
  readonly timings: readonly { readonly name: string; readonly microseconds: number }[];
  readonly warnings: readonly string[];
}

const SIGKILL = 9;
/** 128 + SIGPIPE, as a pipeline of the shell ends. */
const EXIT_BROKEN_PIPE = 141;
const MOST_PULLS = 3;
const REASON_WAIT_MS = 2_000;

/** `isopod run`. @returns the exit code of the command */
export async function runCommand(
  context: CliContext,
  client: AgentClient,
  input: {
    readonly words: readonly string[];
    readonly options: RunOptions;
    /** What no option of `run` says. */
    readonly fields?: Readonly<Record<string, unknown>>;
  },
): Promise<number> {
  const { words, options, fields } = input;
  parseDetachKeys(options.detachKeys);
  const request = containerRequestOf(words, options, context);
  const terminal = options.tty === true;
  const stdin = options.interactive === true;
  if (options.detach !== true && terminal && stdin && !context.stdin().isTTY) throw cliErrors.noTerminal();
  const size = terminal ? terminalSize(context) : {};
  const body = { ...request, ...fields, ...size, owned: options.detach !== true };
  const { started, relay } = await launch(context, client, body, options);
  try {
    for (const warning of started.warnings) context.stderr.write(`WARNING: ${visible(warning)}\n`);
    if (options.timings === true) printTimings(context, started.timings);
    if (started.stream !== null) {
      const isBounded = options.memory !== undefined || options.pidsLimit !== undefined;
      const how = { isBounded, stdin, terminal, detachKeys: parseDetachKeys(options.detachKeys) };
      return await stayWith(context, client, { uid: started.status.uid, stream: started.stream, relay, ...how });
    }
    printLine(context, started.status.uid);
    return 0;
  } finally {
    relay.stop();
  }
}

/** A container whose streams are ours. */
export interface OwnedRun {
  readonly uid: string;
  readonly stream: StreamTicket;
  readonly relay: SignalRelay;
  /** A limit may end it, which is told. */
  readonly isBounded: boolean;
  readonly stdin: boolean;
  readonly terminal: boolean;
  readonly detachKeys: Uint8Array;
}

/** Stays with a container that was launched for us. @returns the exit code of its command */
export async function stayWith(context: CliContext, client: AgentClient, run: OwnedRun): Promise<number> {
  const { uid, isBounded, stdin, terminal, detachKeys } = run;
  run.relay.to(async (signal) => {
    await client.call('POST', `/v1/containers/${uid}/kill`, { signal });
  });
  // Asked before the end: the record of a container with --rm goes with it.
  const termination = isBounded ? waitFor(client, `/v1/containers/${uid}`) : undefined;
  termination?.catch(() => {});
  const streams = { ticket: run.stream, role: 'owner', stdin, terminal, detachKeys } as const;
  const end = await runForeground(context, client, streams);
  return exitCodeOfRun(context, client, { uid, end, termination });
}

/** The size of our terminal as a field of a request, if we have one. */
export function terminalSize(context: CliContext): object {
  const { rows, columns } = context.stdout;
  return rows > 0 && columns > 0 ? { terminalSize: { rows, columns } } : {};
}

/** Launches at once; only when the image is not here is it pulled, where its progress can be shown. */
async function launch(
  context: CliContext,
  client: AgentClient,
  body: Readonly<Record<string, unknown>>,
  options: RunOptions,
): Promise<{ readonly started: Launched; readonly relay: SignalRelay }> {
  // A pull may be interrupted, a launch not: its container would be left to nobody.
  const path = '/v1/containers?pulledByCaller=true';
  const asked = { ...body, pull: options.pull };
  const send = () => {
    if (options.fetch === undefined) return startRelayed(() => client.call<Launched>('POST', path, asked));
    // What is fetched for it may take long: until it runs, such a launch is given up by name.
    const name = randomUUID();
    return startRelayed(
      () => client.call<Launched>('POST', `${path}&launch=${name}`, asked),
      () => client.call('DELETE', `/v1/launches/${name}`),
    );
  };
  return withImage(context, client, { body, options, send });
}

/** Sends what needs the image of a request; when the agent does not have it, it is pulled first, if it may be. */
export async function withImage<Result>(
  context: CliContext,
  client: AgentClient,
  one: {
    readonly body: Readonly<Record<string, unknown>>;
    readonly options: Pick<RunOptions, 'pull' | 'requireSignature' | 'platform'>;
    readonly send: () => Promise<Result>;
  },
): Promise<Result> {
  const { options, send } = one;
  const rootfs = one.body.rootfs as { readonly kind: string; readonly reference?: string };
  const { requireSignature, platform } = options;
  const pull = async (reference: string) => {
    const { credentialForImage } = await import('./registry/credentials.ts');
    const credential = await credentialForImage(context, reference);
    const { callersDockerHost } = await import('./docker-engine.ts');
    const wanted = { reference, platform, credential, requireSignature };
    const dockerHost = callersDockerHost(context, [reference]);
    return pullWithProgress(client, { ...wanted, dockerHost, to: context.stderr });
  };
  // An image is judged when it comes, so one that is here already comes again; its layers need not.
  if (requireSignature === true && options.pull === 'never') throw cliErrors.signatureWithoutPull();
  if (rootfs.kind === 'image') {
    const reference = rootfs.reference ?? '';
    const isPulled = options.pull === 'always' || requireSignature === true;
    if (isPulled || (platform !== undefined && (await comesFor(client, reference, { ...options, platform })))) {
      await pull(reference);
    }
  }
  const pulls = new Map<string, number>();
  for (;;) {
    try {
      return await send();
    } catch (error) {
      // That of the root file system, or of a volume.
      const missing = missingImage(error);
      if (missing === undefined || options.pull === 'never') throw error;
      // One that has come may be gone again: somebody removes images meanwhile.
      const times = pulls.get(missing) ?? 0;
      if (times >= MOST_PULLS) throw cliErrors.imageGone({ reference: missing, times });
      pulls.set(missing, times + 1);
      await pull(missing);
    }
  }
}

/** Loaded only where somebody names a platform: most runs do not. */
async function comesFor(
  client: AgentClient,
  reference: string,
  wanted: { readonly platform: string; readonly pull: string },
): Promise<boolean> {
  const { comesForPlatform } = await import('./image-platform.ts');
  return comesForPlatform(client, { reference, ...wanted });
}

function missingImage(error: unknown): string | undefined {
  if (!(error instanceof EngineError) || error.code !== 'engine.imageMissing') return undefined;
  const { reference } = error.details as { readonly reference?: unknown };
  return typeof reference === 'string' ? reference : undefined;
}

async function exitCodeOfRun(
  context: CliContext,
  client: AgentClient,
  run: {
    readonly uid: string;
    readonly end: ForegroundEnd;
    readonly termination: Promise<Termination> | undefined;
  },
): Promise<number> {
  const { uid, end } = run;
  switch (end.kind) {
    case 'detached':
      return 0;
    case 'broken-pipe':
      await client.call('POST', `/v1/containers/${uid}/kill`, { signal: SIGKILL }).catch(() => {});
      return EXIT_BROKEN_PIPE;
    case 'exited': {
      const code = shellExitCode(end.status);
      if (code !== 0 && run.termination !== undefined) await explainEnd(context, run.termination);
      return code;
    }
    case 'lost': {
      const termination = await terminationOf(client, uid);
      if (termination === undefined || termination.exitStatus.kind === 'lost') throw cliErrors.monitorLost();
      return shellExitCode(termination.exitStatus);
    }
  }
}

/** Says why a command ended when it was not its own doing; one whose reason does not come is told without. */
async function explainEnd(context: CliContext, ending: Promise<Termination>): Promise<void> {
  const late = new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), REASON_WAIT_MS);
  });
  const termination = await Promise.race([ending.catch(() => undefined), late]);
  if (termination?.reason === 'limitation') context.stderr.write(`isopod: ${termination.message}\n`);
}

/** @returns `undefined` when the record went with the end of the container */
async function terminationOf(client: AgentClient, uid: string): Promise<Termination | undefined> {
  try {
    const path = `/v1/containers/${uid}/wait?timeoutMs=${REASON_WAIT_MS}`;
    return (await client.call<{ readonly termination: Termination | null }>('GET', path)).termination ?? undefined;
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'not-found') return undefined;
    throw error;
  }
}

function printTimings(context: CliContext, timings: Launched['timings']): void {
  const width = Math.max(0, ...timings.map(({ name }) => name.length));
  for (const { name, microseconds } of timings) {
    context.stderr.write(`${name.padEnd(width)} ${(microseconds / 1000).toFixed(3).padStart(10)} ms\n`);
  }
}
