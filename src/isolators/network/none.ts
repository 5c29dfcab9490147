import type { Isolator } from '../isolator.ts';

/** Isolator `network/none`: a network namespace of its own with nothing but a loopback that is up. */
export function networkNone(): Isolator {
  return {
    name: 'network/none',
    requires: [],
    excludes: ['network/host', 'network/container'],
    appliesTo: ({ network = 'none' }) => network === 'none',
    plan: () => ({ namespaces: ['net'], loopback: true }),
  };
}
