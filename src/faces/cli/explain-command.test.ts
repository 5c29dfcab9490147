import { expect, test } from 'vitest';
import { layerImageText } from './explain-command.ts';

const LAYER = { file: '/root/erofs/1.erofs', directory: '/root/layers/1' };

test('an image of a layer is told with what seals it, that nothing does, or that it is to be made', () => {
  expect(layerImageText({ ...LAYER, verity: 'sha256:0f' })).toBe('/root/erofs/1.erofs, sealed sha256:0f');
  expect(layerImageText(LAYER)).toBe('/root/erofs/1.erofs, not sealed');
  expect(layerImageText({ ...LAYER, isToBeMade: true })).toMatch(/by the launch$/);
});
