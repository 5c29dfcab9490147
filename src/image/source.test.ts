import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nodeEffects } from '../base/effects/node-effects.ts';
import { parseImageReference } from '../model/image-reference.ts';
import { hostPlatform } from '../model/platform.ts';
import { buildImage, buildIndex, layoutOf } from './built-image.fixture.ts';
import { embeddedSource } from './embedded/embedded-source.ts';
import { writeTar } from './embedded/tar-writer.ts';
import { FakeRegistry } from './fake-registry.fixture.ts';
import { Registries } from './registry/registries.ts';
import { type SourceUnderTest, sourceContract } from './source.contract.ts';
import { TransferPlace } from './transfer/transfer-ports.fixture.ts';

const CONTENT = Buffer.alloc(300_000, 'content');
const IMAGE = buildImage([writeTar([{ path: 'file', mode: 0o644, content: CONTENT }])], { compress: false });

sourceContract('part of isopod', async () => ({
  source: embeddedSource('program', CONTENT, hostPlatform()),
  dispose: async () => {},
}));

sourceContract('a registry', async () => {
  const registry = await FakeRegistry.start();
  registry.push('app', '1', IMAGE);
  const reference = parseImageReference(`${registry.host}/app:1`);
  if (reference.kind !== 'registry') throw new Error('not a registry');
  return { source: new Registries(nodeEffects()).source(reference), dispose: () => registry.stop() };
});

async function layout(kind: 'oci' | 'oci-archive'): Promise<SourceUnderTest> {
  const place = new TransferPlace();
  const path = place.path('layout');
  const files = layoutOf(buildIndex([{ image: IMAGE, name: 'v1' }]), [IMAGE]);
  if (kind === 'oci-archive') {
    writeFileSync(path, writeTar([...files].map(([name, content]) => ({ path: name, mode: 0o644, content }))));
  } else {
    writeLayout(path);
  }
  return { source: place.source(`${kind}:${path}:v1`), dispose: async () => place.remove() };
}

/** What is written by us from a layout, as a source again. */
async function converted(kind: 'docker-archive'): Promise<SourceUnderTest> {
  const place = new TransferPlace();
  await writeLayout(place.path('layout'));
  await place.copy(`oci:${place.path('layout')}:v1`, `${kind}:${place.path('made')}:app:1`);
  return { source: place.source(`${kind}:${place.path('made')}:app:1`), dispose: async () => place.remove() };
}

async function rootfsFile(): Promise<SourceUnderTest> {
  const place = new TransferPlace();
  writeFileSync(place.path('rootfs.tar'), writeTar([{ path: 'file', mode: 0o644, content: CONTENT }]));
  return { source: place.source(`tar:${place.path('rootfs.tar')}`), dispose: async () => place.remove() };
}

function writeLayout(path: string): void {
  for (const [name, content] of layoutOf(buildIndex([{ image: IMAGE, name: 'v1' }]), [IMAGE])) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
}

sourceContract('a layout', () => layout('oci'));
sourceContract('an archive', () => layout('oci-archive'));
sourceContract('what docker save writes', () => converted('docker-archive'));
sourceContract('the tar file of a root file system', rootfsFile);
