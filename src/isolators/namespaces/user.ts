import type { Isolator, PlanInput } from '../isolator.ts';

/**
 * Isolator `namespaces/user`: root of the container is an ordinary user of the host, one that nothing else runs as. The
 * ids come from the engine; files show them by idmapped mounts, so that nothing is chowned.
 */
export function userNamespace(): Isolator {
  return {
    name: 'namespaces/user',
    // The kernel shows no /proc in a user namespace for processes of another one.
    requires: ['filesystem/linux', 'namespaces/pid'],
    appliesTo: ({ namespaces }) => namespaces?.user !== undefined && namespaces.user.kind !== 'host',
    plan({ userNamespace: ids }: PlanInput) {
      if (ids === undefined) throw new Error('no ids were set aside before planning');
      return { namespaces: ['user'], userNamespace: ids };
    },
  };
}
