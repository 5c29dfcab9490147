import { withDeadline } from '../base/deadline.ts';
import {
  PRESSURE_RESOURCES,
  type PressureResource,
  parsePressure,
  pressureFile,
  type ResourcePressure,
} from '../linux/pressure.ts';
import { systemErrorCode } from '../model/error.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { ContainerStats, StatsQuery } from './facade.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { isAlive } from './state.ts';

/** Containers looked at before others get their turn: each takes a tenth of a millisecond, and nothing else runs then. */
const AT_A_TIME = 50;

/**
 * What containers use, one after the other: a fixed number of small files for each, read at once (docs/adr/0030).
 *
 * @throws {EngineError} `engine.unknownContainer`, `engine.ambiguousId` for an id that was named
 */
export async function statsOf(host: EngineHost, { ids, all = false }: StatsQuery): Promise<readonly ContainerStats[]> {
  const named = ids?.map((id) => host.registry.get(id));
  const chosen = named ?? host.registry.all().filter(({ state }) => all || isAlive(state));
  const read: ContainerStats[] = [];
  for (let start = 0; start < chosen.length; start += AT_A_TIME) {
    if (start > 0) await host.effects.clock.sleep(0);
    // One deadline for many: a timer for each would cost as much as what it watches.
    await withDeadline(host.effects.clock, readInto(host, chosen.slice(start, start + AT_A_TIME), read), {
      ms: DEADLINES.hookMs,
      expired: () => engineErrors.overdue({ what: `usage of ${chosen[read.length]?.uid}`, ms: DEADLINES.hookMs }),
    });
  }
  return read;
}

async function readInto(host: EngineHost, containers: readonly Container[], read: ContainerStats[]): Promise<void> {
  for (const container of containers) read.push(await oneOf(host, container));
}

async function oneOf(host: EngineHost, container: Container): Promise<ContainerStats> {
  const { uid, config, state, startedAtMs } = container;
  const known = { uid, name: container.path, state, startedAtMs, limits: config.resources };
  const atMs = host.effects.clock.nowMs();
  if (!isAlive(state)) return { ...known, atMs, usage: {}, pressure: {}, unreadable: [] };
  const unreadable: { readonly isolator: string; readonly message: string }[] = [];
  const usage: Record<string, number> = {};
  const seen = container.isolated();
  for (const isolator of container.isolators) {
    if (isolator.usage === undefined) continue;
    try {
      Object.assign(usage, await isolator.usage(seen, 'brief'));
    } catch (error) {
      // One that cannot say must not hide what the others know.
      unreadable.push({ isolator: isolator.name, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return { ...known, atMs, usage, pressure: await pressureOf(host, container), unreadable };
}

/** Of the group that tracks it, which v2 gives its own pressure even without controllers; in v1 there is none. */
async function pressureOf(
  host: EngineHost,
  { uid }: Container,
): Promise<Readonly<Partial<Record<PressureResource, ResourcePressure>>>> {
  const group = host.launcher.trackingGroup(uid);
  const pressures: Partial<Record<PressureResource, ResourcePressure>> = {};
  if (group?.version !== 2) return pressures;
  for (const resource of PRESSURE_RESOURCES) {
    const text = await readOrNothing(host, `${group.path}/${pressureFile(resource)}`);
    if (text === undefined) break; // no kernel has one of the files and not the others
    const pressure = parsePressure(text);
    if (pressure !== undefined) pressures[resource] = pressure;
  }
  return pressures;
}

/** ENOENT: no PSI in this kernel, or the group is gone. EOPNOTSUPP: switched off (`psi=0`, cgroup.pressure). */
async function readOrNothing(host: EngineHost, path: string): Promise<string | undefined> {
  try {
    return await host.effects.files.readText(path);
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}
