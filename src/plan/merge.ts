import { v1Controllers } from '../linux/cgroup-hierarchy.ts';
import type {
  CgroupPlacement,
  CgroupPlan,
  LaunchPlan,
  Mount,
  NamedContribution,
  Owned,
  ProcessSettings,
} from '../model/launch-plan.ts';
import { variableName } from './environment.ts';
import { planErrors } from './errors.ts';
import type { AgreeField, OneWriterField, UnionField } from './laws.ts';

type Contributions = readonly NamedContribution[];
type FieldValue<Field extends OneWriterField> = NonNullable<NamedContribution['contribution'][Field]>;
type FieldItem<Field extends UnionField> = NonNullable<NamedContribution['contribution'][Field]>[number];

/** Law `union`: each item once, with the first isolator that wants it. */
export function union<Field extends UnionField>(
  contributions: Contributions,
  field: Field,
): readonly Owned<{ readonly item: FieldItem<Field> }>[] {
  const owned = new Map<FieldItem<Field>, Owned<{ readonly item: FieldItem<Field> }>>();
  for (const { isolator, contribution } of contributions) {
    for (const item of (contribution[field] ?? []) as readonly FieldItem<Field>[]) {
      if (!owned.has(item)) owned.set(item, { item, by: isolator });
    }
  }
  return [...owned.values()];
}

/** Law `one-writer`. @throws {EngineError} `plan.conflict` */
export function oneWriter<Field extends OneWriterField>(
  contributions: Contributions,
  field: Field,
): Owned<{ readonly value: FieldValue<Field> }> | undefined {
  let winner: Owned<{ readonly value: FieldValue<Field> }> | undefined;
  for (const { isolator, contribution } of contributions) {
    const value = contribution[field] as FieldValue<Field> | undefined;
    if (value === undefined) continue;
    if (winner !== undefined) throw conflict(field, winner, { value, by: isolator });
    winner = { value, by: isolator };
  }
  return winner;
}

const SETTINGS = [
  'rlimits',
  'oomScoreAdj',
  'personality',
  'scheduler',
  'ioPriority',
  'memoryPolicy',
  'sysctls',
  'landlock',
  'execLabel',
] as const satisfies readonly (keyof ProcessSettings)[];

/** All settings of the process, by law `one-writer`. @throws {EngineError} `plan.conflict` */
export function mergeSettings(contributions: Contributions): Pick<LaunchPlan, 'settings'> {
  const settings = SETTINGS.flatMap((field) => {
    const owned = oneWriter(contributions, field);
    return owned === undefined ? [] : [[field, owned] as const];
  });
  return settings.length === 0 ? {} : { settings: Object.fromEntries(settings) };
}

/** Law `agree`: on as soon as one isolator wants it. */
export function agreed(contributions: Contributions, field: AgreeField): Owned<{ readonly value: true }> | undefined {
  const first = contributions.find(({ contribution }) => contribution[field] === true);
  return first === undefined ? undefined : { value: true, by: first.isolator };
}

/** Law `unique-target`, parents before what is mounted in them. @throws {EngineError} `plan.conflict` */
export function mergeMounts(contributions: Contributions): readonly Owned<{ readonly mount: Mount }>[] {
  const byTarget = new Map<string, Owned<{ readonly mount: Mount }>>();
  for (const { isolator, contribution } of contributions) {
    for (const mount of contribution.mounts ?? []) {
      const other = byTarget.get(mount.target);
      if (other !== undefined) {
        const field = `the mount at ${mount.target}`;
        throw conflict(field, { value: sourceOf(other.mount), by: other.by }, { value: sourceOf(mount), by: isolator });
      }
      byTarget.set(mount.target, { mount, by: isolator });
    }
  }
  const depth = (owned: Owned<{ readonly mount: Mount }>): number => owned.mount.target.split('/').length;
  return [...byTarget.values()].sort((a, b) => depth(a) - depth(b));
}

/** Law `agree-by-key` of variables; the key is the name. @throws {EngineError} `plan.conflict` */
export function mergeEnvironment(contributions: Contributions): readonly string[] {
  const byName = new Map<string, Owned<{ readonly value: string }>>();
  for (const { isolator, contribution } of contributions) {
    for (const entry of contribution.environment ?? []) {
      const name = variableName(entry);
      const other = byName.get(name);
      if (other !== undefined && other.by !== isolator && other.value !== entry) {
        throw conflict(`the variable ${name}`, other, { value: entry, by: isolator });
      }
      byName.set(name, { value: entry, by: other?.by ?? isolator });
    }
  }
  return [...byName.values()].map(({ value }) => value);
}

/**
 * Law `agree-by-key` of knobs, put into the groups that the launcher has placed; the key is controller, file and entry.
 *
 * @throws {EngineError} `plan.conflict`, `plan.controllerNotPlaced` (failed-precondition)
 */
export function mergeCgroups(
  contributions: Contributions,
  placement: Pick<CgroupPlacement, 'groups'>,
): readonly CgroupPlan[] {
  const knobs = new Map<string, Map<string, CgroupPlan['knobs'][number]>>(
    placement.groups.map(({ path }) => [path, new Map()]),
  );
  for (const { isolator, contribution } of contributions) {
    if (contribution.cgroup === undefined) continue;
    const { controller } = contribution.cgroup;
    const group = knobGroup(placement, controller);
    const groupKnobs = group === undefined ? undefined : knobs.get(group.path);
    if (groupKnobs === undefined) throw planErrors.controllerNotPlaced({ by: isolator, controller });
    for (const knob of contribution.cgroup.knobs) {
      const key = knob.entry === undefined ? knob.file : `${knob.file} ${knob.entry}`;
      const other = groupKnobs.get(key);
      if (other !== undefined && other.value !== knob.value) {
        throw conflict(`the knob ${key}`, other, { value: knob.value, by: isolator });
      }
      if (other === undefined) groupKnobs.set(key, { ...knob, by: isolator });
    }
  }
  return placement.groups.map((group) => ({
    ...group,
    knobs: [...(knobs.get(group.path)?.values() ?? [])],
    ...countersOf(contributions, group),
  }));
}

/** One controller counts, so one isolator does. */
function countersOf(
  contributions: Contributions,
  group: CgroupPlacement['groups'][number],
): Pick<CgroupPlan, 'counters'> {
  for (const { isolator, contribution } of contributions) {
    const { controller = '', counters } = contribution.cgroup ?? {};
    if (counters !== undefined && group.controllers.includes(controller)) {
      return { counters: { events: counters, by: isolator } };
    }
  }
  return {};
}

/** v2 names of the controllers that these isolators need groups for, for the launcher's placement. */
export function wantedControllers(contributions: Contributions): readonly string[] {
  return [...new Set(contributions.flatMap(({ contribution }) => contribution.cgroup?.controller ?? []))];
}

/** cpu is served by `cpu` and `cpuacct` in v1, and only the hierarchy that bears its name has its knobs. */
function knobGroup(
  placement: Pick<CgroupPlacement, 'groups'>,
  controller: string,
): CgroupPlacement['groups'][number] | undefined {
  const serving = placement.groups.filter(({ controllers }) => controllers.includes(controller));
  const [name] = v1Controllers(controller);
  return serving.find(({ version, hierarchy }) => version === 2 || hierarchy.split(',').includes(name));
}

/** What stands for a mount in errors. */
export function sourceOf(mount: Mount): string {
  if (mount.kind === 'image') return `image ${mount.reference}`;
  return mount.kind === 'new' ? mount.type : mount.source;
}

function conflict(field: string, first: Owned<{ value: unknown }>, second: Owned<{ value: unknown }>): Error {
  return planErrors.conflict({
    field,
    first: first.by,
    firstValue: shown(first.value),
    second: second.by,
    secondValue: shown(second.value),
  });
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
