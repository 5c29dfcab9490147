import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { buildImage } from '../../src/image/built-image.fixture.ts';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import type { Image } from '../../src/model/image-config.ts';
import { HELLO, type ImageHost, imageHost } from '../support/image-host.ts';
import { TYPE, tarArchive } from '../support/tar-writer.ts';

let host: ImageHost;
let registry: FakeRegistry;

beforeAll(async () => {
  host = await imageHost();
  registry = await FakeRegistry.start();
});

afterAll(async () => {
  await host.dispose();
  await registry.stop();
});

afterEach(() => {
  expect(host.unfinished()).toEqual([]);
  host.empty();
});

/** Runs a shell command in the image's root file system, mounted where only it can see it. */
async function inRootfs(image: Image, command: string): Promise<string> {
  const images = host.open();
  const [upperDir, workDir, target] = ['upper', 'work', 'merged'].map((name) => {
    mkdirSync(join(host.root, name), { recursive: true });
    return join(host.root, name);
  }) as [string, string, string];
  const lowerDirs = image.chainIds.map((chainId) => images.layerDirectory(chainId)).reverse();
  const options = `lowerdir=${lowerDirs.join(':')},upperdir=${upperDir},workdir=${workDir}`;
  const script = `mount -t overlay overlay -o "$1" "$2" && cd "$2" && ${command}`;
  return execFileSync('unshare', ['-m', 'sh', '-c', script, 'sh', options, target], { encoding: 'utf8' });
}

const BASE = tarArchive([
  { name: './', type: TYPE.directory, mode: 0o755 },
  { name: 'etc/', type: TYPE.directory, mode: 0o750, uid: 3, gid: 4 },
  { name: 'etc/kept', data: 'from base' },
  { name: 'etc/deleted', data: 'from base' },
  { name: 'etc/changed', data: 'from base' },
  { name: 'var/', type: TYPE.directory },
  { name: 'var/old', data: 'hidden later' },
  { name: 'var/deep/older', data: 'hidden later' },
  { name: 'becomes-directory', data: 'file' },
  { name: 'becomes-file/inside', data: 'x' },
]);
const MIDDLE = tarArchive([
  { name: 'etc/', type: TYPE.directory, mode: 0o750, uid: 3, gid: 4 },
  { name: 'etc/.wh.deleted' },
  { name: 'etc/changed', data: 'from middle' },
  { name: 'var/', type: TYPE.directory },
  { name: 'var/new', data: 'from middle' },
  { name: 'var/.wh..wh..opq' },
  { name: 'becomes-directory/', type: TYPE.directory },
  { name: 'becomes-directory/inside', data: 'y' },
  { name: 'becomes-file', data: 'file' },
]);
const TOP = tarArchive([
  { name: 'etc/', type: TYPE.directory, mode: 0o750, uid: 3, gid: 4 },
  { name: 'etc/deleted', data: 'back again' },
  { name: 'suid', data: 'x', mode: 0o4755, uid: 1000 },
]);

test('three layers with whiteouts become the tree that their builder saw', async () => {
  registry.push('stack', '1', buildImage([BASE, MIDDLE, TOP]));
  const image = await host.open().pull(`${registry.host}/stack:1`);
  const listing = await inRootfs(image, 'find . -type f | sort && cat etc/kept etc/changed etc/deleted');
  expect(listing.split('\n')).toEqual([
    './becomes-directory/inside',
    './becomes-file',
    './etc/changed',
    './etc/deleted',
    './etc/kept',
    './suid',
    './var/new',
    'from basefrom middleback again',
  ]);
  expect(await inRootfs(image, 'stat -c "%a %u %g" . etc suid')).toBe('755 0 0\n750 3 4\n4755 1000 0\n');
});

test('an image of 127 layers is pulled, one of them empty', async () => {
  const layers = Array.from({ length: 126 }, (_, index) => tarArchive([{ name: `layer-${index}`, data: `${index}` }]));
  registry.push('tall', '1', buildImage([...layers, tarArchive([])]));
  const images = host.open();
  const image = await images.pull(`${registry.host}/tall:1`);
  expect(image.chainIds).toHaveLength(127);
  for (const [index, chainId] of image.chainIds.slice(0, 126).entries()) {
    expect(readFileSync(join(images.layerDirectory(chainId), `layer-${index}`), 'utf8')).toBe(`${index}`);
  }
});

test('the embedded image holds its program, ready to run', async () => {
  const images = host.open();
  const image = await images.embedded('hello');
  const directory = images.layerDirectory(image?.chainIds[0] ?? ('' as never));
  expect(readFileSync(join(directory, 'hello'))).toEqual(readFileSync(HELLO));
  expect(statSync(join(directory, 'hello')).mode & 0o7777).toBe(0o755);
  expect(image?.config.entrypoint).toEqual(['/hello']);
});

test('what is removed is gone from the disk, what another image needs stays', async () => {
  registry.push('stack', '1', buildImage([BASE, MIDDLE]));
  registry.push('stack', '2', buildImage([BASE, TOP]));
  const images = host.open();
  const one = await images.pull(`${registry.host}/stack:1`);
  const two = await images.pull(`${registry.host}/stack:2`);
  await images.remove(one.id, () => new Set());
  expect(await nodeEffects().files.list(join(host.root, 'layers'))).toHaveLength(2);
  expect(await inRootfs(two, 'cat etc/changed')).toBe('from base');
});
