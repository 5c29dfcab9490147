import type { Contribution, NamespaceJoin } from '../../model/launch-plan.ts';
import type { JoinedContainer, PlanInput } from '../isolator.ts';

/** The container that the config calls so; the engine has found it, or planning would not have begun. */
export function joinedContainer({ joined }: PlanInput, name: string): JoinedContainer {
  const found = joined?.[name];
  if (found === undefined) throw new Error(`container ${name} was not looked up before planning`);
  return found;
}

/** Nothing for a container without a parent, or whose parent shares the host's. */
export function joinParent({ parent }: PlanInput, kind: NamespaceJoin['kind']): Pick<Contribution, 'joins'> {
  return parent?.namespaces.includes(kind) ? { joins: [{ kind, of: parent.init }] } : {};
}
