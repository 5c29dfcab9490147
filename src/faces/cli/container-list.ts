import type { ExitStatus } from '../../model/exit-status.ts';
import type { AgentClient } from './agent-client.ts';
import type { ContainerJson } from './container-json.ts';
import { type CliContext, printLine } from './context.ts';
import { formatAge, shorten, table } from './format.ts';
import type { ImageJson } from './image-commands.ts';
import { parseFilter, passes } from './ps-filter.ts';
import { imageText } from './ps-image.ts';
import { formatterOf } from './template/formatted.ts';
import { parseCount, signalName } from './values.ts';

export interface PsOptions {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly filter?: readonly string[];
  readonly format?: string;
  readonly trunc?: boolean;
  readonly last?: string;
  readonly latest?: boolean;
}

/** A line of `ps`; its fields are those of `--format`, called as Docker calls them. */
interface ContainerRow {
  readonly ID: string;
  readonly Image: string;
  readonly Command: string;
  readonly CreatedAt: string;
  readonly RunningFor: string;
  readonly State: string;
  readonly Status: string;
  readonly Names: string;
  readonly Labels: string;
}

const SHOWN_COMMAND_CHARACTERS = 30;

/** `isopod ps` */
export async function psCommand(context: CliContext, client: AgentClient, options: PsOptions): Promise<number> {
  const formatter = options.format === undefined ? undefined : formatterOf(options.format);
  const filters = (options.filter ?? []).map(parseFilter);
  const last = lastOf(options);
  const all = await client.call<readonly ContainerJson[]>('GET', '/v1/containers');
  const showsEnded = options.all === true || last !== undefined || filters.some(({ key }) => key === 'state');
  const passing = all
    .filter(({ state, restart }) => showsEnded || state !== 'terminated' || isDue(restart))
    .filter((container) => filters.every((filter) => passes(container, filter)));
  const chosen = newest(passing, last).sort(byTree(all));
  const rows = async () =>
    containerRows(chosen, await imagesOf(client, chosen), { nowMs: Date.now(), trunc: options.trunc !== false });
  if (options.json === true) printLine(context, JSON.stringify(chosen, undefined, 2));
  else if (options.quiet === true) for (const { uid } of chosen) printLine(context, uid);
  else if (formatter !== undefined) context.stdout.write(formatter(await rows()));
  else context.stdout.write(containerTable(await rows()));
  return 0;
}

/** How many of the newest are wanted; `undefined` for all. @throws {EngineError} `cli.badValue` */
function lastOf({ last, latest }: PsOptions): number | undefined {
  if (last !== undefined) return parseCount('--last', last);
  return latest === true ? 1 : undefined;
}

function newest(containers: readonly ContainerJson[], count: number | undefined): ContainerJson[] {
  const ordered = containers.toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  return count === undefined ? ordered : ordered.slice(0, count);
}

/** The images that containers may be made from; not asked for where none is. */
async function imagesOf(client: AgentClient, containers: readonly ContainerJson[]): Promise<readonly ImageJson[]> {
  const isAsked = containers.some(({ imageId }) => typeof imageId === 'string');
  return isAsked ? client.call<readonly ImageJson[]>('GET', '/v1/images') : [];
}

/** What `ps` prints. */
function containerTable(rows: readonly ContainerRow[]): string {
  const cells = rows.map((row) => [row.ID, row.Image, row.Command, row.RunningFor, row.Status, row.Names]);
  return table(['UID', 'IMAGE', 'COMMAND', 'CREATED', 'STATE', 'NAME'], cells);
}

/** @param how.trunc whether long commands are cut */
function containerRows(
  containers: readonly ContainerJson[],
  images: readonly ImageJson[],
  { nowMs, trunc }: { readonly nowMs: number; readonly trunc: boolean },
): readonly ContainerRow[] {
  return containers.map((container) => {
    const { uid, command, createdAtMs, state, path, config } = container;
    const line = command.join(' ');
    return {
      ...{
        ID: uid,
        Image: imageText(container, images),
        Command: trunc ? shorten(line, SHOWN_COMMAND_CHARACTERS) : line,
      },
      ...{ CreatedAt: new Date(createdAtMs).toISOString(), RunningFor: `${formatAge(nowMs - createdAtMs)} ago` },
      ...{ State: state, Status: stateText(container, nowMs), Names: path },
      Labels: Object.entries(config.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
    };
  });
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
