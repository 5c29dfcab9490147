import { totalmem } from 'node:os';
import { formatBytes } from '../../model/byte-size.ts';
import { isErrorOfKind } from '../../model/error.ts';
import type { AgentClient } from './agent-client.ts';
import type { ContainerStatsJson, StatsJson } from './container-json.ts';
import { type CliContext, printLine } from './context.ts';
import { cliErrors, EXIT_NOT_ALL } from './errors.ts';
import { table } from './format.ts';
import { reportError } from './report-error.ts';

export interface StatsOptions {
  readonly all?: boolean;
  readonly json?: boolean;
  /** commander's name for `--no-stream` left out. */
  readonly stream: boolean;
}

const EXIT_BROKEN_PIPE = 141;
/** Cursor home, erase below (ECMA-48 §8.3.21, §8.3.39). */
const REDRAW = '\x1b[H\x1b[J';

/** `isopod stats`: one document, one table, or a table that is drawn again each second; of all that are named, or none. */
export async function statsCommand(
  context: CliContext,
  client: AgentClient,
  what: { readonly ids: readonly string[]; readonly options: StatsOptions },
): Promise<number> {
  try {
    return await show(context, client, what);
  } catch (error) {
    if (!isErrorOfKind(error, 'not-found')) throw error;
    reportError(context.stderr, error);
    return EXIT_NOT_ALL;
  }
}

async function show(
  context: CliContext,
  client: AgentClient,
  { ids, options }: { readonly ids: readonly string[]; readonly options: StatsOptions },
): Promise<number> {
  if (ids.includes('')) throw cliErrors.emptyName({ of: 'a container' });
  const query = new URLSearchParams();
  if (ids.length > 0) query.set('ids', ids.join(','));
  if (options.all === true) query.set('all', 'true');
  if (options.json === true) {
    printLine(context, JSON.stringify(await client.call<StatsJson>('GET', `/v1/stats?${query}`), undefined, 2));
    return 0;
  }
  query.set('stream', 'true');
  return watch(context, client.lines('GET', `/v1/stats?${query}`) as AsyncIterable<StatsJson>, options.stream);
}

async function watch(context: CliContext, moments: AsyncIterable<StatsJson>, goesOn: boolean): Promise<number> {
  let isBroken = false;
  context.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    isBroken = true;
  });
  let before: StatsJson | undefined;
  for await (const now of moments) {
    if (isBroken) return EXIT_BROKEN_PIPE;
    const isShown = goesOn || before !== undefined;
    // The share of the processors is that between two moments.
    if (isShown) context.stdout.write(`${goesOn && context.stdout.isTTY ? REDRAW : ''}${statsTable(now, before)}`);
    if (isShown && !goesOn) return 0;
    before = now;
  }
  return 0;
}

/** The columns of `docker stats`, and one more; `--` stands for what is not known (yet). */
export function statsTable(now: StatsJson, before: StatsJson | undefined, hostBytes = totalmem()): string {
  const earlier = new Map(before?.containers.map((container) => [container.uid, container]));
  // Few containers have a bound of their disk, or an isolator that accounts it.
  const hasDisk = now.containers.some(({ disk }) => disk !== undefined);
  const columns: readonly (readonly [string, (container: ContainerStatsJson) => string])[] = [
    ['UID', ({ uid }) => uid],
    ['NAME', ({ name, state }) => (state === 'running' ? name : `${name} (${state})`)],
    ['CPU %', (container) => percent(cpuShare(container, earlier.get(container.uid)))],
    ['MEM USAGE / LIMIT', (container) => memoryText(container, hostBytes)],
    ['MEM %', (container) => percent(memoryShare(container, hostBytes))],
    ['NET I/O', ({ usage }) => both(usage.networkReceivedBytes, usage.networkSentBytes)],
    ['BLOCK I/O', ({ usage }) => both(usage.ioReadBytes, usage.ioWrittenBytes)],
    ['PIDS', ({ usage }) => (usage.pids === undefined ? '--' : `${usage.pids}`)],
    ...(hasDisk ? ([['DISK USAGE / LIMIT', diskText]] as const) : []),
    ['WAITS FOR CPU/MEM/IO', waitsText],
  ];
  const rows = now.containers.map((container) => columns.map(([, cellOf]) => cellOf(container)));
  return table(
    columns.map(([title]) => title),
    rows,
  );
}

/** File cache that nobody has used lately is taken back before anybody goes without. */
function memoryUsed({ usage }: ContainerStatsJson): number | undefined {
  return less(usage.memoryBytes, usage.memoryInactiveFileBytes);
}

function memoryLimit({ usage }: ContainerStatsJson, hostBytes: number): number {
  return Math.min(usage.memoryLimitBytes ?? hostBytes, hostBytes);
}

function memoryText(container: ContainerStatsJson, hostBytes: number): string {
  return both(memoryUsed(container), memoryLimit(container, hostBytes));
}

function memoryShare(container: ContainerStatsJson, hostBytes: number): number | undefined {
  const used = memoryUsed(container);
  return used === undefined ? undefined : used / memoryLimit(container, hostBytes);
}

function diskText({ disk = {} }: ContainerStatsJson): string {
  if (disk.usedBytes === undefined && disk.limitBytes === undefined) return '--';
  return [disk.usedBytes, disk.limitBytes]
    .map((bytes) => (bytes === undefined ? '--' : formatBytes(bytes)))
    .join(' / ');
}

function waitsText(container: ContainerStatsJson): string {
  return ['cpu', 'memory', 'io'].map((resource) => share10s(container, resource)).join(' / ');
}

/** 1 is one processor all the time. */
function cpuShare(now: ContainerStatsJson, before: ContainerStatsJson | undefined): number | undefined {
  const spentNs = less(now.usage.cpuUsageNs, before?.usage.cpuUsageNs ?? Number.NaN);
  const passedMs = now.atMs - (before?.atMs ?? now.atMs);
  return spentNs === undefined || Number.isNaN(spentNs) || passedMs <= 0 ? undefined : spentNs / (passedMs * 1e6);
}

function less(value: number | undefined, other = 0): number | undefined {
  return value === undefined ? undefined : Math.max(0, value - other);
}

function percent(share: number | undefined): string {
  return share === undefined ? '--' : `${(share * 100).toFixed(2)}%`;
}

function both(read: number | undefined, written: number | undefined): string {
  return read === undefined || written === undefined ? '--' : `${formatBytes(read)} / ${formatBytes(written)}`;
}

function share10s({ pressure }: ContainerStatsJson, resource: string): string {
  const percent10s = pressure[resource]?.some.percent10s;
  return percent10s === undefined ? '--' : `${percent10s.toFixed(0)}%`;
}
