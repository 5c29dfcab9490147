import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TransferPlace } from '../../src/image/transfer/transfer-ports.fixture.ts';
import { missingPrograms } from '../support/registry.ts';
import { TYPE, tarArchive } from '../support/tar-writer.ts';
import { describeTree } from '../support/tree.ts';

const missing = missingPrograms(['skopeo', 'umoci', 'python3', 'tar', 'gzip', 'xz', 'bzip2']);
const lacks = missing.length > 0 ? ` (lacks ${missing.join(', ')})` : '';
const TIME = 1_700_000_000;
const LONG = 'long-name-'.repeat(20);

const ROOTFS = tarArchive([
  { name: './', type: TYPE.directory, mode: 0o755, mtime: TIME },
  { name: 'etc/', type: TYPE.directory, mode: 0o750, uid: 3, gid: 70_000, mtime: TIME },
  { name: 'etc/kept', data: 'kept', mode: 0o4755, mtime: TIME },
  { name: 'etc/linked', type: TYPE.hardLink, link: 'etc/kept', mtime: TIME },
  { name: 'link', type: TYPE.symlink, link: '/etc/kept', mtime: TIME },
  { name: 'null', type: TYPE.characterDevice, major: 1, minor: 3, mtime: TIME },
  { name: LONG, data: 'x', mtime: TIME, pax: [['path', LONG]] },
  { name: 'attributes', data: 'x', mtime: TIME, pax: [['SCHILY.xattr.user.mark', 'set']] },
]);
const MANIFEST = {
  ...{ acKind: 'ImageManifest', acVersion: '0.8.11', name: 'example.com/app' },
  labels: [{ name: 'version', value: '1.0' }],
  app: {
    ...{ exec: ['/bin/app', '-x'], user: '7', group: '8', workingDirectory: '/etc' },
    environment: [{ name: 'A', value: 'b' }],
    mountPoints: [{ name: 'data', path: '/data' }],
    ports: [{ name: 'web', protocol: 'tcp', port: 80 }],
  },
  annotations: [{ name: 'created', value: '2020-01-02T03:04:05Z' }],
};

describe.skipIf(missing.length > 0)(`appc images${lacks}`, () => {
  let place: TransferPlace;

  beforeEach(() => {
    place = new TransferPlace();
    mkdirSync(place.path('rootfs'));
    execFileSync('tar', ['-C', place.path('rootfs'), '--xattrs', '--xattrs-include=*', '-xpf', '-'], { input: ROOTFS });
  });
  afterEach(async () => {
    expect(await place.leftovers()).toEqual([]);
    place.remove();
  });

  /** An archive as appc tools write it, by tar itself. */
  function writeAci(name: string, manifest: object, flags: readonly string[] = ['-z']): string {
    writeFileSync(place.path('manifest'), JSON.stringify(manifest));
    const words = ['--xattrs', '--xattrs-include=*', ...flags, '-C', place.root, '-cf', place.path(name)];
    execFileSync('tar', [...words, 'manifest', 'rootfs']);
    return place.path(name);
  }

  /** What umoci makes of our copy of the image. */
  async function unpacked(reference: string): Promise<Readonly<Record<string, string>>> {
    await place.copy(reference, `oci:${place.path('made')}:app`);
    const words = ['unpack', '--image', `${place.path('made')}:app`, place.path('bundle')];
    execFileSync('umoci', words, { stdio: 'ignore' });
    return describeTree(place.path('bundle/rootfs'));
  }

  test.each([
    ['as it is', []],
    ['with gzip', ['-z']],
    ['with xz', ['-J']],
    ['with bzip2', ['-j']],
  ])('one that is compressed %s has the tree of its rootfs', async (_, flags) => {
    const file = writeAci('app.aci', MANIFEST, flags);
    expect(await unpacked(`aci:${file}`)).toEqual(describeTree(place.path('rootfs')));
  });

  test('its config says what its manifest says', async () => {
    await place.copy(`aci:${writeAci('app.aci', MANIFEST)}`, `oci:${place.path('made')}:app`);
    const words = ['inspect', '--config', `oci:${place.path('made')}:app`];
    expect(JSON.parse(execFileSync('skopeo', words, { encoding: 'utf8' }))).toMatchObject({
      created: '2020-01-02T03:04:05Z',
      config: {
        ...{ Cmd: ['/bin/app', '-x'], User: '7:8', WorkingDir: '/etc', Env: ['A=b'] },
        ...{ Volumes: { '/data': {} }, ExposedPorts: { '80/tcp': {} } },
      },
    });
  });

  describe('by discovery', () => {
    let server: Server;
    let address: string;
    let pages: Map<string, () => Buffer | string>;
    beforeAll(async () => {
      server = createServer((request, response) => {
        const page = pages.get(request.url ?? '');
        if (page === undefined) response.statusCode = 404;
        response.end(page?.());
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterAll(() => new Promise((resolve) => server.close(resolve)));
    beforeEach(() => {
      pages = new Map();
    });
    const serve = (path: string, manifest: object): Buffer => {
      const bytes = readFileSync(writeAci('served.aci', manifest));
      pages.set(path, () => bytes);
      return bytes;
    };

    test('a URL is fetched', async () => {
      serve('/some/file', MANIFEST);
      expect(await unpacked(`aci:http://${address}/some/file`)).toEqual(describeTree(place.path('rootfs')));
    });

    test('a name is found where simple discovery looks', async () => {
      serve('/app-1.0-linux-amd64.aci', MANIFEST);
      await place.copy(`aci:${address}/app:1.0,os=linux,arch=amd64`, `oci:${place.path('made')}:app`);
    });

    test('a name is found where a page says', async () => {
      serve('/stored/1.0-linux.aci', MANIFEST);
      const meta = `<meta name="ac-discovery" content="${address}/app http://${address}/stored/{version}-{os}.{ext}">`;
      pages.set('/app?ac-discovery=1', () => `<html><head>${meta}</head></html>`);
      await place.copy(`aci:${address}/app:1.0,os=linux`, `oci:${place.path('made')}:app`);
    });

    test('a name that is found nowhere is told, with where it was looked for', async () => {
      await expect(place.copy(`aci:${address}/none:1`, `oci:${place.path('made')}`)).rejects.toMatchObject({
        code: 'appc.notFound',
        message: expect.stringContaining(`http://${address}/none-1-linux-`),
      });
    });

    test('what it depends on lies below it, once its id is right', async () => {
      const bytes = serve('/base-2-linux-amd64.aci', { ...MANIFEST, name: 'example.com/base', app: undefined });
      const plain = execFileSync('gzip', ['-dc'], { input: bytes });
      const imageID = `sha512-${createHash('sha512').update(plain).digest('hex')}`;
      const labels = Object.entries({ version: '2', os: 'linux', arch: 'amd64' }).map(([name, value]) => ({
        name,
        value,
      }));
      const dependency = { imageName: `${address}/base`, imageID, labels };
      const file = writeAci('app.aci', { ...MANIFEST, dependencies: [dependency] });
      await place.copy(`aci:${file}`, `oci:${place.path('made')}:app`);
      const raw = execFileSync('skopeo', ['inspect', '--raw', `oci:${place.path('made')}:app`], { encoding: 'utf8' });
      expect(JSON.parse(raw).layers).toHaveLength(2);
      const wrong = { ...dependency, imageID: `sha512-${'0'.repeat(128)}` };
      const other = writeAci('app.aci', { ...MANIFEST, dependencies: [wrong] });
      await expect(place.copy(`aci:${other}`, `oci:${place.path('made')}:app`)).rejects.toMatchObject({
        kind: 'data-loss',
        code: 'appc.wrongImage',
      });
    });
  });

  test.each([
    ['no manifest', undefined, 'appc.malformed'],
    ['a manifest of something else', { acKind: 'PodManifest' }, 'appc.malformed'],
    ['a whitelist of paths', { ...MANIFEST, pathWhitelist: ['/etc'] }, 'appc.notSupported'],
  ])('one with %s is refused', async (_, manifest, code) => {
    const file = manifest === undefined ? place.path('app.aci') : writeAci('app.aci', manifest);
    if (manifest === undefined) execFileSync('tar', ['-C', place.root, '-cf', file, 'rootfs']);
    await expect(place.copy(`aci:${file}`, `oci:${place.path('made')}`)).rejects.toMatchObject({ code });
  });
});
