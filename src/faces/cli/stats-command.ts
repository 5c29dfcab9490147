import { totalmem } from 'node:os';
import { formatBytes } from '../../model/byte-size.ts';
import type { AgentClient } from './agent-client.ts';
import type { ContainerStatsJson, StatsJson } from './container-json.ts';
import { type CliContext, printLine } from './context.ts';
import { cliErrors } from './errors.ts';
import { table } from './format.ts';

export interface StatsOptions {
  readonly all?: boolean;
  readonly json?: boolean;
  /** commander's name for `--no-stream` left out. */
  readonly stream: boolean;
}

const EXIT_BROKEN_PIPE = 141;
/** Cursor home, erase below (ECMA-48 §8.3.21, §8.3.39). */
const REDRAW = '\x1b[H\x1b[J';

/** `isopod stats`: one document, one table, or a table that is drawn again each second. */
export async function statsCommand(
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

const HEADER = ['UID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'BLOCK I/O', 'PIDS', 'WAITS FOR CPU/MEM/IO'];

/** One line a container; `--` stands for what is not known (yet). */
export function statsTable(now: StatsJson, before: StatsJson | undefined, hostBytes = totalmem()): string {
  const earlier = new Map(before?.containers.map((container) => [container.uid, container]));
  const rows = now.containers.map((container) => {
    const { usage } = container;
    // File cache that nobody has used lately is taken back before anybody goes without.
    const used = less(usage.memoryBytes, usage.memoryInactiveFileBytes);
    const limit = Math.min(usage.memoryLimitBytes ?? hostBytes, hostBytes);
    return [
      container.uid,
      container.state === 'running' ? container.name : `${container.name} (${container.state})`,
      percent(cpuShare(container, earlier.get(container.uid))),
      used === undefined ? '--' : `${formatBytes(used)} / ${formatBytes(limit)}`,
      percent(used === undefined ? undefined : used / limit),
      both(usage.ioReadBytes, usage.ioWrittenBytes),
      usage.pids === undefined ? '--' : `${usage.pids}`,
      ['cpu', 'memory', 'io'].map((resource) => share10s(container, resource)).join(' / '),
    ];
  });
  return table(HEADER, rows);
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
