import type { Isolator } from '../isolator.ts';
import { joinedContainer, joinParent } from './joined.ts';

/**
 * Isolator `namespaces/pid`: the container sees only its own processes, or those of the container that it joins. The
 * /proc that agrees with it is made by `filesystem/linux`, in the new namespace. Who shares the host's is without it.
 *
 * The namespace of a nested container lies inside its parent's, which therefore sees its processes, and ends them with
 * its own.
 */
export function pidNamespace(): Isolator {
  return {
    name: 'namespaces/pid',
    requires: ['filesystem/linux'],
    appliesTo: ({ namespaces }) => namespaces?.pid?.kind !== 'host',
    plan(input) {
      const choice = input.config.namespaces?.pid;
      if (choice?.kind === 'parent') return joinParent(input, 'pid');
      if (choice?.kind !== 'container') return { namespaces: ['pid'], ...joinParent(input, 'pid') };
      return { joins: [{ kind: 'pid', of: joinedContainer(input, choice.container).init }] };
    },
  };
}
