import { join } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { parseBound, parseFlatKeyed } from '../../linux/cgroup-values.ts';
import { defineErrors, systemErrorCode } from '../../model/error.ts';
import type { HostFacts } from '../../model/host-facts.ts';
import type { Contribution } from '../../model/launch-plan.ts';
import type { IsolatedContainer } from '../isolator.ts';

export const cgroupsErrors = defineErrors('cgroups', {
  controllerMissing: {
    kind: 'failed-precondition',
    message: (d: { isolator: string; controller: string }) =>
      `${d.isolator} needs the cgroup controller ${d.controller}, which this host mounts in neither version`,
    remedy: (d: { isolator: string }) =>
      `enable it in the kernel's command line, or choose isolators without ${d.isolator} and without its limit`,
  },
  tooManyCpus: {
    kind: 'invalid-argument',
    message: (d: { cpus: string; cpuCount: number }) =>
      `a limit of ${d.cpus} CPUs was asked for, and this host has ${d.cpuCount}`,
    remedy: (d: { cpuCount: number }) => `ask for at most ${d.cpuCount}`,
  },
});

type Knob = NonNullable<Contribution['cgroup']>['knobs'][number];

/** The version that serves a controller. @throws {EngineError} `cgroups.controllerMissing` (failed-precondition) */
export function controllerVersion(host: HostFacts, isolator: string, controller: string): 1 | 2 {
  const version = host.controllers[controller];
  if (version === undefined) throw cgroupsErrors.controllerMissing({ isolator, controller });
  return version;
}

/** A group of the container's own for this controller, with these knobs; none of them only accounts. */
export function cgroupContribution(controller: string, knobs: readonly Knob[]): Contribution {
  return { cgroup: { controller, knobs } };
}

/** Reads files of the groups of one container; a group or file that is not there reads as nothing. */
export interface GroupReader {
  /** @returns `undefined` for `max` too */
  bound(file: string): Promise<number | undefined>;
  keyed(file: string): Promise<ReadonlyMap<string, number>>;
}

/** A reader of the container's group for a controller; `undefined` when it has none. */
export function groupReader(
  files: Files,
  container: IsolatedContainer,
  controller: string,
): { readonly version: 1 | 2; readonly read: GroupReader } | undefined {
  const group = container.groups[controller];
  if (group === undefined) return undefined;
  const text = (file: string): Promise<string> => readOrEmpty(files, join(group.path, file));
  return {
    version: group.version,
    read: {
      bound: async (file) => parseBound(await text(file)),
      keyed: async (file) => parseFlatKeyed(await text(file)),
    },
  };
}

/** The values that are there, without the names of those that are not. */
export function presentValues(values: Readonly<Record<string, number | undefined>>): Readonly<Record<string, number>> {
  const present: Record<string, number> = {};
  for (const [name, value] of Object.entries(values)) if (value !== undefined) present[name] = value;
  return present;
}

/** ENODEV: the group was removed between open and read (cgroupfs). */
async function readOrEmpty(files: Files, path: string): Promise<string> {
  try {
    return await files.readText(path);
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes(systemErrorCode(error) ?? '')) return '';
    throw error;
  }
}
