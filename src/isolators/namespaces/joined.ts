import type { JoinedContainer, PlanInput } from '../isolator.ts';

/** The container that the config calls so; the engine has found it, or planning would not have begun. */
export function joinedContainer({ joined }: PlanInput, name: string): JoinedContainer {
  const found = joined?.[name];
  if (found === undefined) throw new Error(`container ${name} was not looked up before planning`);
  return found;
}
