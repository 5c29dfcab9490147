import type { Contribution } from '../../model/launch-plan.ts';
import type { Isolator } from '../isolator.ts';

/**
 * Isolator `namespaces/cgroup`: the container's groups are the roots of what it sees, and /sys/fs/cgroup shows them
 * read-only, so that programs which size themselves by their limits find them; a privileged container may change them.
 */
export function cgroupNamespace(): Isolator {
  return {
    name: 'namespaces/cgroup',
    requires: ['filesystem/linux'],
    appliesTo: ({ namespaces }) => namespaces?.cgroup?.kind !== 'host',
    plan({ config }) {
      const view: Contribution = { namespaces: ['cgroup'], cgroupView: true };
      return config.security.privileged ? { ...view, cgroupViewWritable: true } : view;
    },
  };
}
