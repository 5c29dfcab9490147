import { nodeEffects } from '../base/effects/node-effects.ts';
import { nodeFiles } from '../base/effects/node-files.ts';
import { BlobStore } from './blob-store.ts';
import type { Images } from './images.ts';
import { Registries } from './registry/registries.ts';

/** Images that have nothing and can do what a test gives; any other call fails, as one that it did not expect. */
export function testImages(instead: Partial<Images>): Images {
  const refuse = (): Promise<never> => Promise.reject(new Error('the images of this test cannot do that'));
  return {
    find: async () => undefined,
    pull: refuse,
    fetch: refuse,
    adopt: refuse,
    tag: refuse,
    source: refuse,
    blobs: new BlobStore(nodeFiles(), '/nowhere'),
    stallMs: 60_000,
    upkeep: { noteUse: () => {}, diskUse: refuse, prune: refuse, verify: refuse, remedy: refuse, collect: refuse },
    registries: new Registries(nodeEffects()),
    lease: () => ({ hold: refuse, digests: () => [], release: () => {} }),
    discard: async () => {},
    embedded: async () => undefined,
    list: async () => [],
    remove: async () => ({ untagged: [], deleted: [] }),
    layerDirectory: (chainId) => `/layers/${chainId}`,
    recover: async () => {},
    ...instead,
  };
}
