import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { nodeEffects } from '../base/effects/node-effects.ts';
import { parseImageReference } from '../model/image-reference.ts';
import { buildImage, buildIndex, layoutOf } from './built-image.fixture.ts';
import { embeddedSource } from './embedded/embedded-source.ts';
import { writeTar } from './embedded/tar-writer.ts';
import { FakeRegistry } from './fake-registry.fixture.ts';
import { layoutSource } from './layout/layout-source.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { hostPlatform } from './platform.ts';
import { Registries } from './registry/registries.ts';
import { type SourceUnderTest, sourceContract } from './source.contract.ts';

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
  const directory = mkdtempSync(join(tmpdir(), 'isopod-source-'));
  const path = join(directory, 'layout');
  const files = layoutOf(buildIndex([{ image: IMAGE, name: 'v1' }]), [IMAGE]);
  if (kind === 'oci-archive') {
    writeFileSync(path, writeTar([...files].map(([name, content]) => ({ path: name, mode: 0o644, content }))));
  } else {
    for (const [name, content] of files) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), content);
    }
  }
  const source = layoutSource({ kind, path, name: 'v1' }, ports(directory));
  return { source, dispose: async () => rmSync(directory, { recursive: true }) };
}

sourceContract('a layout', () => layout('oci'));
sourceContract('an archive', () => layout('oci-archive'));
