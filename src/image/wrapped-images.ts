import type { Images } from './images.ts';

/** The same images, but for what is given: each of these sees the call instead of the store. */
export function wrappedImages(images: Images, instead: Partial<Images>): Images {
  return {
    find: (text) => images.find(text),
    pull: (reference, options) => images.pull(reference, options),
    fetch: (open, references, options) => images.fetch(open, references, options),
    adopt: (image, references, options) => images.adopt(image, references, options),
    tag: (text, reference) => images.tag(text, reference),
    source: (text) => images.source(text),
    blobs: images.blobs,
    stallMs: images.stallMs,
    upkeep: images.upkeep,
    registries: images.registries,
    lease: () => images.lease(),
    discard: (lease) => images.discard(lease),
    embedded: (name) => images.embedded(name),
    list: () => images.list(),
    remove: (...removal) => images.remove(...removal),
    layerDirectory: (chainId) => images.layerDirectory(chainId),
    recover: () => images.recover(),
    ...instead,
  };
}
