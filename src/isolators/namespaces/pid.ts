import type { Isolator } from '../isolator.ts';

/**
 * Isolator `namespaces/pid`: the container sees only its own processes. The /proc that agrees with it is made by
 * `filesystem/linux`, in the new namespace.
 */
export function pidNamespace(): Isolator {
  return {
    name: 'namespaces/pid',
    requires: ['filesystem/linux'],
    plan: () => ({ namespaces: ['pid'] }),
  };
}
