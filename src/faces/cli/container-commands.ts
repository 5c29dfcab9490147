import { EngineError } from '../../model/error.ts';
import type { ExitStatus, Termination } from '../../model/exit-status.ts';
import type { AgentClient } from './agent-client.ts';
import type { ContainerJson } from './container-json.ts';
import { type CliContext, printLine } from './context.ts';
import { cliErrors, EXIT_NOT_ALL } from './errors.ts';
import { formatAge, shorten, table } from './format.ts';
import type { ImageJson } from './image-commands.ts';
import { parseFilter, passes } from './ps-filter.ts';
import { imageText } from './ps-image.ts';
import { reportError } from './report-error.ts';
import { parseGrace, parseSignal, signalName } from './values.ts';

/** What the agent takes (faces/agent/schemas.ts). */
/** So many containers are stopped at a time. */
const AT_ONCE = 32;

export interface PsOptions {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly filter?: readonly string[];
}

/** The path of a container in the agent's API. @throws {EngineError} `cli.emptyName` */
export function containerPath(id: string): string {
  if (id === '') throw cliErrors.emptyName({ of: 'a container' });
  return `/v1/containers/${encodeURIComponent(id)}`;
}

/** `isopod ps` */
export async function psCommand(context: CliContext, client: AgentClient, options: PsOptions): Promise<number> {
  const filters = (options.filter ?? []).map(parseFilter);
  const all = await client.call<readonly ContainerJson[]>('GET', '/v1/containers');
  const namesState = filters.some(({ key }) => key === 'state');
  const chosen = all
    .filter(({ state, restart }) => options.all === true || namesState || state !== 'terminated' || isDue(restart))
    .filter((container) => filters.every((filter) => passes(container, filter)))
    .sort(byTree(all));
  if (options.json === true) printLine(context, JSON.stringify(chosen, undefined, 2));
  else if (options.quiet === true) for (const { uid } of chosen) printLine(context, uid);
  else context.stdout.write(containerTable(chosen, await imagesOf(client, chosen), Date.now()));
  return 0;
}

/** The images that containers may be made from; not asked for where none is. */
async function imagesOf(client: AgentClient, containers: readonly ContainerJson[]): Promise<readonly ImageJson[]> {
  const isAsked = containers.some(({ imageId }) => typeof imageId === 'string');
  return isAsked ? client.call<readonly ImageJson[]>('GET', '/v1/images') : [];
}

/** What `ps` prints. */
function containerTable(containers: readonly ContainerJson[], images: readonly ImageJson[], nowMs: number): string {
  const rows = containers.map((container) => [
    container.uid,
    imageText(container, images),
    shorten(container.command.join(' '), 30),
    `${formatAge(nowMs - container.createdAtMs)} ago`,
    stateText(container, nowMs),
    container.path,
  ]);
  return table(['UID', 'IMAGE', 'COMMAND', 'CREATED', 'STATE', 'NAME'], rows);
}

/** The containers that live in one stand behind it, and all in the order in which they came otherwise. */
function byTree(all: readonly ContainerJson[]): (a: ContainerJson, b: ContainerJson) => number {
  const byUid = new Map(all.map((container) => [container.uid, container]));
  const chainOf = (container: ContainerJson): readonly ContainerJson[] => {
    const above = container.parent === null ? undefined : byUid.get(container.parent);
    return above === undefined ? [container] : [...chainOf(above), container];
  };
  return (one, other) => {
    const [ones, others] = [chainOf(one), chainOf(other)];
    const at = ones.findIndex((container, index) => container !== others[index]);
    const [a, b] = [ones[at], others[at]];
    // One lives in the other.
    if (at === -1 || b === undefined || a === undefined) return ones.length - others.length;
    return b.createdAtMs - a.createdAtMs;
  };
}

/** It has ended and is about to be started again. */
function isDue(restart: ContainerJson['restart']): boolean {
  return (restart?.nextAttemptAtMs ?? null) !== null;
}

function stateText(container: ContainerJson, nowMs: number): string {
  const { state, startedAtMs, termination, restart } = container;
  if (termination !== null) {
    const end = `${endText(termination.exitStatus)} ${formatAge(nowMs - termination.finishedAtMs)} ago`;
    return isDue(restart) ? `restarting, ${end}` : end;
  }
  if (startedAtMs === null) return state;
  const age = formatAge(nowMs - startedAtMs);
  const how = state === 'paused' ? ' (paused)' : probedText(container);
  return `${state === 'paused' ? 'running' : state} for ${age}${how}`;
}

/** ` (healthy, not ready)`; nothing of one that is not asked. */
function probedText({ health, readiness }: ContainerJson): string {
  const words = [health?.status, readiness && (readiness.isReady ? 'ready' : 'not ready')].filter(Boolean);
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

function endText(status: ExitStatus): string {
  if (status.kind === 'exited') return `exited (${status.code})`;
  return status.kind === 'signaled' ? `ended by ${signalName(status.signal)}` : 'lost';
}

/** Does one thing to each container; one that fails is told, and the others go on. @returns the exit code */
export async function forEach(
  context: CliContext,
  ids: readonly string[],
  act: (id: string) => Promise<string>,
): Promise<number> {
  let code = 0;
  for (const id of ids) {
    try {
      printLine(context, await act(id));
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
      // What is to be gone by force is gone.
      if (!(force && error instanceof EngineError && error.kind === 'not-found')) throw error;
    }
    return id;
  });
}
