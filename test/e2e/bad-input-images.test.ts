import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type BuildOptions, buildImage, buildIndex, layoutOf } from '../../src/image/built-image.fixture.ts';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import { type TarEntry, TYPE, tarArchive, tarEntry } from '../support/tar-writer.ts';
import { footprint } from './support/footprint.ts';
import { Installation, type Result } from './support/installation.ts';
import { expectRefused, expectSame, settle } from './support/refusals.ts';

const GZIP_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const STALL_MS = 60_000;

let isopod: Installation;
let registry: FakeRegistry;
let silent: Server;
let hanging: Promise<Result>;
/** Layers of the image pushed last. */
let pushed: ReadonlyMap<string, Buffer> = new Map();
beforeAll(async () => {
  isopod = new Installation();
  registry = await FakeRegistry.start();
  await isopod.expect(['run', '--rm', 'hello']);
  await settle(isopod);
  silent = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  // It takes its minute while the other tests run; its test awaits it.
  hanging = isopod.run(['run', '--rm', `${silentHost()}/image:1`, 'x']);
});
beforeEach(() => {
  registry.misbehave = () => false;
});
afterAll(async () => {
  await isopod.close();
  await registry.stop();
  silent.close();
});

function silentHost(): string {
  const address = silent.address();
  if (address === null || typeof address === 'string') throw new Error('the silent host does not listen');
  return `127.0.0.1:${address.port}`;
}

/** An image names nobody as its user unless it is told otherwise. */
const COMMAND = { Cmd: ['/harmless'] };
const HARMLESS = tarArchive([{ name: 'harmless', data: 'x' }]);
const reference = () => `${registry.host}/hostile:1`;

/** Pushes an image, runs it, and expects a refusal that says all of `says`. */
async function refuse(layers: readonly Uint8Array[], says: readonly string[], options?: BuildOptions): Promise<Result> {
  const image = buildImage(layers, { config: COMMAND, ...options });
  registry.push('hostile', '1', image);
  pushed = new Map(image.layers.map(({ digest, bytes }) => [digest, bytes]));
  return expectRefused(isopod, () => isopod.run(['run', '--rm', reference(), '/x']), { code: 125, says });
}

test('an image that the registry has not', async () => {
  const says = [`${registry.host}/nobody`, 'was not found', 'check the spelling'];
  await expectRefused(isopod, () => isopod.run(['run', '--rm', `${registry.host}/nobody:1`, 'x']), { code: 125, says });
});

test('a registry that is down', async () => {
  const says = ['127.0.0.1:1', 'connection refused', 'check that the registry runs'];
  await expectRefused(isopod, () => isopod.run(['run', '--rm', '127.0.0.1:1/image:1', 'x']), { code: 125, says });
});

test('a registry that fails', async () => {
  registry.misbehave = (_request, response) => {
    response.writeHead(500).end('out of order');
    return true;
  };
  await refuse([HARMLESS], ['500', 'try again']);
});

test('a layer with another content than its digest', async () => {
  registry.misbehave = (request, response) => {
    if (layerOf(request.url ?? '') === undefined) return false;
    response.end(gzipSync(tarArchive([{ name: 'harmless', data: 'y' }])));
    return true;
  };
  await refuse([HARMLESS], ['sha256:', 'pull again']);
});

test('a layer that ends too early', async () => {
  registry.misbehave = (request, response) => {
    const layer = layerOf(request.url ?? '');
    if (layer === undefined) return false;
    response.writeHead(200, { 'content-length': layer.length });
    response.write(layer.subarray(0, layer.length / 2), () => response.destroy());
    return true;
  };
  const random = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7919) % 251));
  await refuse([tarArchive([{ name: 'large', data: random }])], ['bytes', 'pull again']);
});

test('a layer that unpacks to something else than its diff id', async () => {
  await refuse([HARMLESS], ['sha256:0000', 'build it again'], { diffIds: [`sha256:${'0'.repeat(64)}`] });
});

test.each<[string, readonly TarEntry[], string]>([
  ['a name that leads out', [{ name: '../../../canary', data: 'x' }], '../../../canary'],
  ['a hard link that leads out', [{ name: 'x', type: TYPE.hardLink, link: '../../canary' }], 'x'],
  ['a header with a wrong checksum', [{ name: 'x', data: 'x', badChecksum: true }], 'layer'],
])('%s in a layer', async (_what, entries, named) => {
  await refuse([HARMLESS, tarArchive(entries)], [named, 'isopod: layer']);
});

test.each<[string, readonly TarEntry[]]>([
  ['a link and a write through it', linkTo('/tmp')],
  ['a link upwards and a write through it', linkTo('../../../../../../../tmp')],
])('%s stay inside the layer, and the image has no such command', async (_what, entries) => {
  registry.push('hostile', '1', buildImage([tarArchive(entries)], { config: COMMAND }));
  const before = footprint(isopod);
  const { code } = await isopod.run(['run', '--rm', reference(), '/nope']);
  expect(code).toBe(127);
  expect((await isopod.shell('ls /tmp/isopod-escaped')).code).not.toBe(0);
  await isopod.expect(['rmi', reference()]);
  await expectSame(isopod, before);
});

function linkTo(link: string): readonly TarEntry[] {
  return [
    { name: 'out', type: TYPE.symlink, link },
    { name: 'out/isopod-escaped', data: 'x' },
  ];
}

test('a flood of devices', async () => {
  // A thousand and one times a thousand of them, as members of one gzip stream.
  const device = tarEntry({ name: 'd', type: TYPE.characterDevice, major: 1, minor: 3 });
  const member = gzipSync(Buffer.concat(Array.from({ length: 1000 }, () => device)));
  const flood = Buffer.concat(Array.from({ length: 1001 }, () => member));
  await refuse([flood], ['1000000 entries', 'do not use this image'], { compress: false, layerType: GZIP_LAYER });
}, 180_000);

test('headers without end', async () => {
  const endless = tarArchive([{ name: 'x', data: 'x', pax: [['comment', Buffer.alloc(8 << 20, 'c')]] }]);
  await refuse([endless], ['headers of more than', 'do not use this image']);
});

test('ten gigabytes of zeros behind a small gzip', async () => {
  const member = gzipSync(Buffer.alloc(64 << 20), { level: 9 });
  const header = tarEntry({ name: 'zeros', size: 10 * 2 ** 30 }).subarray(0, 512);
  const bomb = Buffer.concat([gzipSync(header), ...Array.from({ length: 160 }, () => member)]);
  await refuse([bomb], ['do not use this image', 'layer'], {
    compress: false,
    layerType: GZIP_LAYER,
  });
}, 180_000);

test('an image for another machine than the one that is asked for', async () => {
  const platform = { os: 'linux', architecture: 's390x', variant: undefined };
  registry.push('hostile', '1', buildImage([HARMLESS], { config: COMMAND, platform }));
  const pull = () => isopod.run(['pull', '--platform', 'linux/x86_64', reference()]);
  await expectRefused(isopod, pull, { code: 125, says: ['linux/s390x', 'linux/amd64', '--platform'] });
});

test('an image whose entrypoint is missing', async () => {
  registry.push('hostile', '1', buildImage([HARMLESS], { config: { Entrypoint: ['/no/entry'] } }));
  await isopod.expect(['pull', reference()]);
  const says = ['"/no/entry"', 'was not found'];
  await expectRefused(isopod, () => isopod.run(['run', '--rm', reference()]), { code: 127, says });
  await isopod.expect(['rmi', reference()]);
});

test('an image whose user is unknown to it', async () => {
  registry.push('hostile', '1', buildImage([HARMLESS], { config: { Cmd: ['/harmless'], User: 'postgres' } }));
  await isopod.expect(['pull', reference()]);
  const says = ['postgres', 'or give numbers'];
  await expectRefused(isopod, () => isopod.run(['run', '--rm', reference()]), { code: 125, says });
  await isopod.expect(['rmi', reference()]);
});

test('a layout that lacks a layer', async () => {
  const image = buildImage([HARMLESS]);
  const layout = join(isopod.directory, 'layout');
  for (const [path, bytes] of layoutOf(buildIndex([{ image, name: '1' }]), [image])) {
    if (path.endsWith(image.layers[0]?.digest.slice('sha256:'.length) ?? '')) continue;
    mkdirSync(dirname(join(layout, path)), { recursive: true });
    writeFileSync(join(layout, path), bytes);
  }
  const says = [layout, image.layers[0]?.digest ?? 'a digest'];
  await expectRefused(isopod, () => isopod.run(['run', '--rm', `oci:${layout}:1`, 'x']), { code: 125, says });
  const other = () => isopod.run(['run', '--rm', `oci:${layout}:2`, 'x']);
  await expectRefused(isopod, other, { code: 125, says: [layout, '"2"'] });
});

test('an interrupted pull ends at once and leaves nothing', async () => {
  const before = footprint(isopod);
  const child = isopod.start(['pull', `${silentHost()}/other:1`]);
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
  await new Promise((resolve) => child.stderr?.once('data', resolve));
  child.kill('SIGINT');
  expect(['SIGINT', 130]).toContain(await ended);
  await expectSame(isopod, before);
});

test(
  'a registry that never answers is given up',
  async () => {
    const { code, stderr } = await hanging;
    expect(stderr).toContain(silentHost());
    expect(stderr).toContain('60 s');
    expect(code).toBe(125);
  },
  STALL_MS + 30_000,
);

/** The bytes that `url` names, when they are a layer of what was pushed last. */
function layerOf(url: string): Buffer | undefined {
  return pushed.get(url.slice(url.lastIndexOf('/') + 1));
}
