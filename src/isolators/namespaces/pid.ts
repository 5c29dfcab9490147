import type { Isolator } from '../isolator.ts';
import { joinedContainer } from './joined.ts';

/**
 * Isolator `namespaces/pid`: the container sees only its own processes, or those of the container that it joins. The
 * /proc that agrees with it is made by `filesystem/linux`, in the new namespace. Who shares the host's is without it.
 */
export function pidNamespace(): Isolator {
  return {
    name: 'namespaces/pid',
    requires: ['filesystem/linux'],
    appliesTo: ({ namespaces }) => namespaces?.pid?.kind !== 'host',
    plan(input) {
      const choice = input.config.namespaces?.pid;
      if (choice?.kind !== 'container') return { namespaces: ['pid'] };
      return { joins: [{ kind: 'pid', of: joinedContainer(input, choice.container).init }] };
    },
  };
}
