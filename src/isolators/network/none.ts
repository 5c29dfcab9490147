import type { Files } from '../../base/effects.ts';
import type { Isolator } from '../isolator.ts';
import { interfaceUsage } from './interface-usage.ts';

/** Isolator `network/none`: a network namespace of its own with nothing but a loopback that is up. */
export function networkNone({ files }: { readonly files: Files }): Isolator {
  return {
    name: 'network/none',
    requires: [],
    excludes: ['network/host', 'network/container'],
    appliesTo: ({ network = 'none' }) => network === 'none',
    plan: () => ({ namespaces: ['net'], loopback: true }),
    ...interfaceUsage(files),
  };
}
