import type { Isolator } from '../isolator.ts';

/** Isolator `namespaces/uts`: a host name of its own, the container's uid unless the caller names one. */
export function utsNamespace(): Isolator {
  return {
    name: 'namespaces/uts',
    requires: [],
    appliesTo: ({ namespaces }) => namespaces?.uts?.kind !== 'host',
    plan: ({ uid, config }) => ({ namespaces: ['uts'], hostname: config.hostname ?? uid }),
  };
}
