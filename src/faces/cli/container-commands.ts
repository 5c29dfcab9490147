import { EngineError } from '../../model/error.ts';
import type { Termination } from '../../model/exit-status.ts';
import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';
import { cliErrors, EXIT_NOT_ALL } from './errors.ts';
import { reportError } from './report-error.ts';
import { parseGrace, parseSignal } from './values.ts';

/** So many containers are stopped at a time. */
const AT_ONCE = 32;

/** The path of a container in the agent's API. @throws {EngineError} `cli.emptyName` */
export function containerPath(id: string): string {
  if (id === '') throw cliErrors.emptyName({ of: 'a container' });
  return `/v1/containers/${encodeURIComponent(id)}`;
}

/** Does one thing to each container; one that fails is told, and the others go on. @returns the exit code */
export async function forEach(
  context: CliContext,
  ids: readonly string[],
  act: (id: string) => Promise<string | undefined>,
): Promise<number> {
  let code = 0;
  for (const id of ids) {
    try {
      const line = await act(id);
      if (line !== undefined) printLine(context, line);
    } catch (error) {
      reportError(context.stderr, error);
      code = EXIT_NOT_ALL;
    }
  }
  return code;
}

/** As {@link forEach}, for what takes its time: many are done at once, and told in the order in which they were named. */
export async function forEachAtOnce(
  context: CliContext,
  ids: readonly string[],
  act: (id: string) => Promise<string>,
): Promise<number> {
  let code = 0;
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const some = new Map(ids.slice(start, start + AT_ONCE).map((id) => [id, act(id)]));
    // Each is awaited in its turn below; one that fails before its turn is not unhandled.
    for (const acting of some.values()) acting.catch(() => {});
    code = Math.max(code, await forEach(context, [...some.keys()], async (id) => (await some.get(id)) ?? id));
  }
  return code;
}

/** Waits until a container or session has ended, one long poll after the other. */
export async function waitFor(client: AgentClient, path: string): Promise<Termination> {
  for (;;) {
    const answer = await client.call<{ readonly termination: Termination | null }>('GET', `${path}/wait`);
    if (answer.termination !== null) return answer.termination;
  }
}

/** `isopod kill` */
export function killCommand(
  context: CliContext,
  client: AgentClient,
  { ids, signal, all }: { readonly ids: readonly string[]; readonly signal: string; readonly all: boolean },
): Promise<number> {
  const number = parseSignal('--signal', signal);
  return forEach(context, ids, async (id) => {
    await client.call('POST', `${containerPath(id)}/kill`, all ? { signal: number, all } : { signal: number });
    return id;
  });
}

/** `isopod stop` */
export function stopCommand(
  context: CliContext,
  client: AgentClient,
  { ids, time }: { readonly ids: readonly string[]; readonly time: string | undefined },
): Promise<number> {
  const body = graceBody(time);
  return forEachAtOnce(context, ids, async (id) => {
    await client.call('POST', `${containerPath(id)}/stop`, body);
    return id;
  });
}

/** What `--time` says; without it each container has the time that it was given itself. @throws {EngineError} `cli.badValue` */
export function graceBody(time: string | undefined): { readonly graceMs?: number } {
  return time === undefined ? {} : { graceMs: parseGrace('--time', time) };
}

/** `isopod rm` */
export function removeCommand(
  context: CliContext,
  client: AgentClient,
  input: { readonly ids: readonly string[]; readonly force: boolean; readonly volumes: boolean },
): Promise<number> {
  const { ids, force, volumes } = input;
  return forEach(context, ids, async (id) => {
    try {
      await client.call('DELETE', `${containerPath(id)}?force=${force}${volumes ? '&volumes=true' : ''}`);
    } catch (error) {
      // What is to be gone by force is gone; of what was not there nothing is told.
      if (force && error instanceof EngineError && error.kind === 'not-found') return undefined;
      throw error;
    }
    return id;
  });
}
