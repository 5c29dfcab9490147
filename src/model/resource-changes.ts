import type { Resources } from './resources.ts';

/** What an update asks for: a value is the bound to be, null takes a bound away, a missing field leaves it. */
export type ResourceChanges = { readonly [Name in keyof Resources]?: Resources[Name] | null };

/** The bounds after the changes. */
export function changedResources(resources: Resources, changes: ResourceChanges): Resources {
  const entries = Object.entries({ ...resources, ...changes });
  return Object.fromEntries(entries.filter(([, value]) => value !== null && value !== undefined));
}
