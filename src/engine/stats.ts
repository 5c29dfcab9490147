import { withDeadline } from '../base/deadline.ts';
import type { IsolatedContainer, Isolator } from '../isolators/isolator.ts';
import type { FileText, KernelFile } from '../linux/kernel-files.ts';
import {
  PRESSURE_RESOURCES,
  type PressureResource,
  parsePressure,
  pressureFile,
  type ResourcePressure,
} from '../linux/pressure.ts';
import type { Container } from './container.ts';
import { diskStatsOf } from './disk-use.ts';
import { engineErrors } from './errors.ts';
import type { ContainerStats, StatsQuery } from './facade.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { isAlive } from './state.ts';

/** Containers whose files are read in one go: two figures of one of them are then no further apart than milliseconds. */
const AT_A_TIME = 50;
/** Such goes at once: while one is read by the helper, what another brought is looked at. */
const IN_FLIGHT = 3;

/**
 * What containers use: a fixed number of small files for each, all files of many containers read in one go
 * (docs/adr/0086).
 *
 * @throws {EngineError} `engine.unknownContainer`, `engine.ambiguousId` for an id that was named
 */
export async function statsOf(host: EngineHost, query: StatsQuery): Promise<readonly ContainerStats[]> {
  const { ids, all = false, only } = query;
  const named = ids?.map((id) => host.registry.get(id));
  const chosen = named ?? host.registry.all().filter(({ state }) => all || isAlive(state));
  const read: (readonly ContainerStats[])[] = [];
  let next = 0;
  const takeTurns = async (): Promise<void> => {
    for (let start = next; start < chosen.length; start = next) {
      next += AT_A_TIME;
      const some = chosen.slice(start, next);
      // One deadline for many: a timer for each would cost as much as what it watches.
      read[start / AT_A_TIME] = await withDeadline(host.effects.clock, statsOfSome(host, some, only), {
        ms: DEADLINES.hookMs,
        expired: () => engineErrors.overdue({ what: `usage of ${some.map(({ uid }) => uid)}`, ms: DEADLINES.hookMs }),
      });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, takeTurns));
  return read.flat();
}

async function statsOfSome(
  host: EngineHost,
  containers: readonly Container[],
  only: StatsQuery['only'],
): Promise<readonly ContainerStats[]> {
  const reads = containers.map((container) => readOf(host, container, only));
  const texts = await host.readKernelFiles(reads.flatMap(({ parts }) => parts.flatMap(({ files }) => files)));
  const atMs = host.effects.clock.nowMs();
  const stats: ContainerStats[] = [];
  let taken = 0;
  for (const read of reads) {
    const first = taken;
    for (const { files } of read.parts) taken += files.length;
    stats.push(await statsFrom(read, texts.slice(first, taken), atMs));
  }
  return stats;
}

/** What is read of one container: by each isolator, and of its pressure. */
interface ContainerRead {
  readonly container: Container;
  readonly seen: IsolatedContainer;
  readonly parts: readonly ReadPart[];
}

interface ReadPart {
  /** Missing: the files of pressure, in the order of the resources. */
  readonly isolator?: Isolator;
  readonly files: readonly KernelFile[];
}

function readOf(host: EngineHost, container: Container, only: StatsQuery['only']): ContainerRead {
  const seen = container.isolated();
  if (!isAlive(container.state)) return { container, seen, parts: [] };
  const isolators = container.isolators.filter(({ usage, brief }) =>
    brief === undefined ? usage !== undefined : only?.includes(brief.subject) !== false,
  );
  const parts: ReadPart[] = isolators.map((isolator) => ({ isolator, files: isolator.brief?.files(seen) ?? [] }));
  if (only === undefined) parts.push({ files: pressureFiles(host, container) });
  return { container, seen, parts };
}

/** Of the group that tracks it, which v2 gives its own pressure even without controllers; in v1 there is none. */
function pressureFiles(host: EngineHost, { uid }: Container): readonly KernelFile[] {
  const group = host.launcher.trackingGroup(uid);
  if (group?.version !== 2) return [];
  const slash = group.path.lastIndexOf('/');
  const [directory, name] = [group.path.slice(0, slash), group.path.slice(slash + 1)];
  return PRESSURE_RESOURCES.map((resource) => ({ directory, name: `${name}/${pressureFile(resource)}` }));
}

async function statsFrom(
  { container, seen, parts }: ContainerRead,
  texts: readonly FileText[],
  atMs: number,
): Promise<ContainerStats> {
  const { uid, config, state, startedAtMs } = container;
  const known = { uid, name: container.path, state, startedAtMs, atMs, limits: config.resources };
  // One that has ended meanwhile has left its pid to others.
  if (!isAlive(state)) return { ...known, usage: {}, pressure: {}, unreadable: [] };
  const unreadable: { readonly isolator: string; readonly message: string }[] = [];
  const usage: Record<string, number> = {};
  let pressure: ContainerStats['pressure'] = {};
  let taken = 0;
  for (const { isolator, files } of parts) {
    const first = taken;
    taken += files.length;
    try {
      const own = files.map((file, index) => readable(texts[first + index], file));
      if (isolator === undefined) pressure = pressureOf(own);
      else Object.assign(usage, isolator.brief?.values(seen, own) ?? (await isolator.usage?.(seen)));
    } catch (error) {
      // One that cannot say must not hide what the others know.
      const message = error instanceof Error ? error.message : String(error);
      unreadable.push({ isolator: isolator?.name ?? 'pressure', message });
    }
  }
  const disk = diskStatsOf(container.diskQuota, usage);
  return { ...known, usage, ...(disk && { disk }), pressure, unreadable };
}

/** @throws {EngineError} `engine.unreadableFile` */
function readable(text: FileText = '', { directory, name }: KernelFile): string {
  if (typeof text === 'string') return text;
  throw engineErrors.unreadableFile({ path: `${directory}/${name}`, errno: text.errno });
}

function pressureOf(texts: readonly string[]): ContainerStats['pressure'] {
  const pressures: Partial<Record<PressureResource, ResourcePressure>> = {};
  for (const [index, resource] of PRESSURE_RESOURCES.entries()) {
    const pressure = parsePressure(texts[index] ?? '');
    if (pressure !== undefined) pressures[resource] = pressure;
  }
  return pressures;
}
