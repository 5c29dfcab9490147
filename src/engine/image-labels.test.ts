import { expect, test } from 'vitest';
import { parseContainerUid } from '../model/container-id.ts';
import { completeConfig } from '../model/container-request.ts';
import type { Image } from '../model/image-config.ts';
import { adoptImage } from './adopt-image.ts';
import { Container } from './container.ts';
import { aboutContainer } from './happenings.ts';
import { inheritedLabels, ownLabels } from './image-labels.ts';
import { containerPaths, enginePaths } from './paths.ts';

const UID = parseContainerUid('0123456789ab');

function containerOf(labels: Record<string, string>, ofImage: Record<string, string>): Container {
  const config = completeConfig({ name: 'c', rootfs: { kind: 'image', reference: 'app' }, labels });
  const container = new Container({
    uid: UID,
    config,
    createdAtMs: 0,
    paths: containerPaths(enginePaths('/r', '/s'), UID),
  });
  const image = { os: 'linux', architecture: 'amd64', config: { labels: ofImage } } as Partial<Image> as Image;
  adoptImage({ hostFacts: { architecture: 'x86_64' } as never }, container, image);
  return container;
}

test('a container shows the labels of its image, its own first', () => {
  const container = containerOf({ tier: 'front' }, { tier: 'any', maker: 'us' });
  expect(container.status()).toMatchObject({
    config: { labels: { tier: 'front', maker: 'us' } },
    inheritedLabels: ['maker'],
  });
  expect(aboutContainer(container)).toMatchObject({
    labels: { tier: 'front', maker: 'us' },
    inheritedLabels: ['maker'],
  });
});

test('what a container was asked for stays as it was said', () => {
  const container = containerOf({ tier: 'front' }, { maker: 'us' });
  expect(container.created.labels).toEqual({ tier: 'front' });
  expect(container.config.labels).toEqual({ tier: 'front' });
});

test('own labels are those without what is inherited, also of an odd name', () => {
  const image = JSON.parse('{"__proto__":"x","a":"1"}') as Record<string, string>;
  const inherited = inheritedLabels({ a: '2' }, image);
  expect(Object.keys(inherited)).toEqual(['__proto__']);
  expect(ownLabels({ ...inherited, a: '2' }, Object.keys(inherited))).toEqual({ a: '2' });
});
