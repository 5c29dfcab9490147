import type { Isolator } from '../isolator.ts';
import { joinParent } from './joined.ts';

/**
 * Isolator `namespaces/uts`: a host name of its own, the container's uid unless the caller names one. A nested container
 * has the one of its parent, unless it asks for another.
 */
export function utsNamespace(): Isolator {
  return {
    name: 'namespaces/uts',
    requires: [],
    appliesTo: ({ namespaces }) => namespaces?.uts?.kind !== 'host',
    plan: (input) =>
      input.config.namespaces?.uts?.kind === 'parent'
        ? joinParent(input, 'uts')
        : { namespaces: ['uts'], hostname: input.config.hostname ?? input.uid },
  };
}
