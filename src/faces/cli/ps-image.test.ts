import { expect, test } from 'vitest';
import { imageText } from './ps-image.ts';

const id = (digit: string): string => `sha256:${digit.repeat(64)}`;
const IMAGES = [
  { id: id('a'), references: ['docker.io/library/app:1', `docker.io/library/app@${id('c')}`] },
  { id: id('b'), references: ['docker.io/library/app:2', 'oci:/srv/layout:1'] },
  { id: id('e'), references: ['embedded:hello'] },
];

test.each([
  ['a name that names the same image still', 'app:1', id('a'), 'app:1'],
  ['a name with a digest, whatever tag was written beside it', `app:9@${id('c')}`, id('a'), `app:9@${id('c')}`],
  ['a part of isopod', 'hello', id('e'), 'hello'],
  ['an image in a layout', 'oci:/srv/layout:1', id('b'), 'oci:/srv/layout:1'],
  ['a name that has moved to another image', 'app:2', id('a'), 'a'.repeat(12)],
  ['a name that is gone', 'app:3', id('a'), 'a'.repeat(12)],
  ['an id', 'aaaaaaaaaaaa', id('a'), 'aaaaaaaaaaaa'],
  ['a whole id', id('a'), id('a'), id('a')],
])('%s is shown as it should be', (_, reference, imageId, shown) => {
  const config = { rootfs: { kind: 'image', reference }, labels: {}, terminal: false };
  expect(imageText({ config, imageId }, IMAGES)).toBe(shown);
});

test('a container that is made from no image shows its directory, or that it has none', () => {
  const about = { labels: {}, terminal: false };
  const of = (rootfs: { kind: string; path?: string }) =>
    imageText({ config: { ...about, rootfs }, imageId: null }, []);
  expect(of({ kind: 'directory', path: '/srv/root' })).toBe('/srv/root');
  expect(of({ kind: 'none' })).toBe('(host)');
});

test('one whose image is just being pulled shows the name', () => {
  const config = { rootfs: { kind: 'image', reference: 'app:4' }, labels: {}, terminal: false };
  expect(imageText({ config, imageId: null }, IMAGES)).toBe('app:4');
});
