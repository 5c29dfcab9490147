import type { Backend } from '../backend.ts';

/** The one layer of an image, as it is: nothing can be written, so nothing is made or copied. */
export function bindBackend(): Backend {
  return {
    name: 'bind',
    unfit(layers, { readOnly }) {
      if (layers.length > 1) {
        const why = `it shows one layer as it is, and the image has ${layers.length}`;
        return { why, remedy: 'take --backend overlay, copy or erofs, or an image of a single layer' };
      }
      if (readOnly) return undefined;
      const why = 'it shows the layer itself, which must not be changed, and the root file system is not read-only';
      return { why, remedy: 'add --read-only, or take another backend' };
    },
    obstacle: async () => undefined,
    recipe: ([layer]) => ({ kind: 'bind', path: layer?.directory ?? '' }),
  };
}
