import type { Isolator } from '../isolator.ts';

/**
 * Isolator `namespaces/time`: the monotonic and the boot-time clock of the container are ahead of the host's, or behind
 * (time_namespaces(7), Linux 5.6). The wall clock is the host's for every container.
 */
export function timeNamespace(): Isolator {
  return {
    name: 'namespaces/time',
    requires: [],
    appliesTo: ({ namespaces }) => namespaces?.time !== undefined,
    plan: ({ config }) => ({
      namespaces: ['time'],
      timeOffsets: config.namespaces?.time ?? { monotonicNs: 0, boottimeNs: 0 },
    }),
  };
}
