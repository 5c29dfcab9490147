import { defineErrors } from '../../model/error.ts';
import type { Isolator, PlanInput } from '../isolator.ts';
import { joinParent } from './joined.ts';

const userNamespaceErrors = defineErrors('namespaces/user', {
  privileged: {
    kind: 'invalid-argument',
    message: () =>
      'a privileged container has the rights of root of the host, and in a user namespace of its own it has none of them',
    remedy: () => 'say --userns host with --privileged, or leave it out: --cap-add gives rights within the namespace',
  },
});

/**
 * Isolator `namespaces/user`: root of the container is an ordinary user of the host, one that nothing else runs as. The
 * ids come from the engine; files show them by idmapped mounts, so that nothing is chowned. A nested container lives in
 * that of its parent.
 */
export function userNamespace(): Isolator {
  return {
    name: 'namespaces/user',
    // The kernel shows no /proc in a user namespace for processes of another one.
    requires: ['filesystem/linux', 'namespaces/pid'],
    appliesTo: ({ namespaces }) => namespaces?.user !== undefined && namespaces.user.kind !== 'host',
    plan(input: PlanInput) {
      const { config, userNamespace: ids } = input;
      if (config.security.privileged) throw userNamespaceErrors.privileged();
      if (ids === undefined) throw new Error('no ids were set aside before planning');
      const isParents = config.namespaces?.user?.kind === 'parent';
      return { ...(isParents ? joinParent(input, 'user') : { namespaces: ['user'] }), userNamespace: ids };
    },
  };
}
