import type { Resources } from './resources.ts';

/** Fields that are lists, with what names an entry. */
const ENTRY_NAMES = {
  ioDevices: 'device',
  hugePages: 'pageSize',
  rdma: 'device',
  misc: 'name',
  networkPriorities: 'networkInterface',
} as const satisfies { readonly [Name in keyof Resources]?: string };

type EntryChange<Entry> = { readonly [Bound in keyof Entry]: Entry[Bound] | null };
type FieldChange<Value> = Value extends readonly (infer Entry)[] ? readonly EntryChange<Entry>[] : Value;

/**
 * What an update asks for: a value is the bound to be, null takes a bound away, a missing field leaves it. In lists the same holds for
 * each bound of each entry.
 */
export type ResourceChanges = { readonly [Name in keyof Resources]?: FieldChange<Resources[Name]> | null };

type Bounds = Readonly<Record<string, unknown>>;

/** The bounds after the changes. */
export function changedResources(resources: Resources, changes: ResourceChanges): Resources {
  const before: Bounds = resources as Bounds;
  const lists = Object.entries(ENTRY_NAMES).flatMap(([field, name]) => {
    const [was, wanted] = [before[field], (changes as Bounds)[field]];
    if (!Array.isArray(wanted)) return [];
    const list = changedList((was ?? []) as readonly Bounds[], wanted as readonly Bounds[], name);
    return [[field, list.length === 0 ? null : list] as const];
  });
  return withoutNulls({ ...before, ...changes, ...Object.fromEntries(lists) }) as Resources;
}

function changedList(before: readonly Bounds[], changes: readonly Bounds[], name: string): readonly Bounds[] {
  const entries = new Map(before.map((entry) => [entry[name], entry]));
  for (const change of changes) entries.set(change[name], withoutNulls({ ...entries.get(change[name]), ...change }));
  // One without a bound is none: only its name is left.
  return [...entries.values()].filter((entry) => Object.keys(entry).length > 1);
}

function withoutNulls(bounds: Bounds): Bounds {
  return Object.fromEntries(Object.entries(bounds).filter(([, value]) => value !== null && value !== undefined));
}
