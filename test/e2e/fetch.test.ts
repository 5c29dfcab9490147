import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { zipOf } from '../../src/fetcher/zip.fixture.ts';
import { makeBusyboxLayout } from '../bench/busybox-image.ts';
import { TYPE, tarArchive } from '../support/tar-writer.ts';
import { Installation, until } from './support/installation.ts';

const lacks = existsSync('/bin/busybox') ? '' : ' (lacks busybox)';

describe.skipIf(lacks !== '')(`files that a container begins with${lacks}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-fetch-'));
  const served = new Map<string, Buffer>();
  let asked: string[] = [];
  let isopod: Installation;
  let server: Server;
  let image: string;

  beforeAll(async () => {
    isopod = new Installation();
    image = `oci:${makeBusyboxLayout(join(isopod.directory, 'image'))}`;
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      const content = served.get(request.url ?? '');
      // It begins, and says nothing more.
      if (request.url === '/silent') response.writeHead(200, { 'content-length': 10 }).write('x');
      else response.writeHead(content === undefined ? 404 : 200).end(content);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterAll(async () => {
    await isopod?.close();
    rmSync(directory, { recursive: true });
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
  });

  function serve(path: string, content: string | Buffer): string {
    served.set(path, Buffer.from(content));
    return url(path);
  }

  const url = (path: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  const run = (fetch: readonly string[], ...words: readonly string[]): Promise<string> =>
    isopod.expect(['run', '--rm', '-w', '/work', ...fetch.flatMap((one) => ['--fetch', one]), image, ...words]);

  async function refused(fetch: readonly string[], why: RegExp): Promise<void> {
    const { code, stderr } = await isopod.run([
      'run',
      '--rm',
      '-w',
      '/work',
      ...fetch.flatMap((one) => ['--fetch', one]),
      image,
      'true',
    ]);
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringMatching(why) });
    expect(await isopod.expect(['ps', '-aq'])).toBe('');
    expect(readdirSync(join(isopod.root, 'containers'))).toEqual([]);
  }

  test('lie in its working directory, with the mode that was asked for', async () => {
    const text = serve('/text', 'from the web');
    const tool = serve('/tool', '#!/bin/sh\necho ran as $(id -u)');
    const output = await run(
      [text, `${tool},executable,output=bin/tool,sha256=${sha256('#!/bin/sh\necho ran as $(id -u)')}`],
      'sh',
      '-c',
      'cat text; echo; ./bin/tool; ls -ln text | head -c 10',
    );
    expect(output).toBe('from the web\nran as 0\n-rw-r--r--');
  });

  test('can be read and run by who is not root', async () => {
    const tool = serve('/tool', '#!/bin/sh\nid -u');
    expect(
      await isopod.expect([
        'run',
        '--rm',
        '-u',
        'nobody',
        '-w',
        '/work',
        '--fetch',
        `${tool},executable`,
        image,
        './tool',
      ]),
    ).toBe('65534');
  });

  test('belong to the user of the container, archives and parts of images as well', async () => {
    const text = serve('/mine', 'text');
    const tar = serve('/mine.tar', tarArchive([{ name: 'packed', data: 'x', uid: 7, mode: 0o4755 }]));
    const fetched = [`${text},output=sub/mine`, `${tar},output=tree`, `image:${image}#/bin/busybox,output=busybox`];
    const words = ['run', '--rm', '-u', '1234:1235', '-w', '/work', ...fetched.flatMap((one) => ['--fetch', one])];
    const script = "stat -c '%u:%g %a %n' sub sub/mine tree tree/packed busybox; echo more >>sub/mine && cat sub/mine";
    expect(await isopod.expect([...words, image, 'sh', '-c', script])).toBe(
      [
        ...['1234:1235 755 sub', '1234:1235 644 sub/mine', '1234:1235 755 tree', '1234:1235 755 tree/packed'],
        ...['1234:1235 755 busybox', 'textmore'],
      ].join('\n'),
    );
  });

  test('come out of a zip as out of a tar', async () => {
    const zip = serve(
      '/download?id=3',
      zipOf([
        { name: 'bin/tool', data: '#!/bin/sh\ncat bin/link', mode: 0o100755 },
        { name: 'bin/link', data: '../text', mode: 0o120777 },
        { name: 'text', data: 'zipped' },
      ]),
    );
    expect(await run([`${zip},extract`], './bin/tool')).toBe('zipped');
    served.set('/named.zip', zipOf([{ name: 'text', data: 'by its name' }]));
    expect(await run([`${url('/named.zip')},output=sub`], 'cat', 'sub/text')).toBe('by its name');
    await refused([serve('/evil.zip', zipOf([{ name: '../out', data: 'x' }]))], /cannot be unpacked as a zip file/);
  });

  test('have names of any letters', async () => {
    expect(await run([serve('/%C3%A4%20b', 'letters')], 'cat', 'ä b')).toBe('letters');
  });

  test('of archives are unpacked, however they are compressed, where they are to lie', async () => {
    const archive = tarArchive([
      { name: 'app/', type: TYPE.directory, mode: 0o755 },
      { name: 'app/run', mode: 0o4755, uid: 1000, gid: 1000, data: '#!/bin/sh\necho unpacked' },
    ]);
    const plain = serve('/app.tar', archive);
    const compressed = serve('/app.tar.gz', gzipSync(archive));
    expect(await run([plain], './app/run')).toBe('unpacked');
    expect(await run([`${compressed},output=in/here`], './in/here/app/run')).toBe('unpacked');
    // Somebody else's rights do not come along.
    expect(await run([plain], 'sh', '-c', 'ls -ln app/run | head -c 30')).toMatch(/^-rwxr-xr-x +1 0 +0/);
    expect(await run([`${compressed},extract=no`], 'sh', '-c', 'wc -c < app.tar.gz')).toBe(
      String(gzipSync(archive).length),
    );
  });

  test('come from the host and from an image too', async () => {
    const path = join(directory, 'host file');
    writeFileSync(path, 'of the host', { mode: 0o600 });
    const output = await run(
      [path, `image:${image}#/etc/passwd,output=copied/names`],
      'sh',
      '-c',
      'cat "host file"; echo; head -n 1 copied/names',
    );
    expect(output).toBe('of the host\nroot:x:0:0:root:/root:/bin/sh');
  });

  test('lie in the sandbox of a container that has no image', async () => {
    const output = await isopod.expect([
      'run',
      '--rm',
      '--no-image',
      '--fetch',
      serve('/text', 'here'),
      'sh',
      '-c',
      'cat text; pwd',
    ]);
    expect(output).toMatch(/^here.*\/sandbox$/);
  });

  test('are there with users of its own, and belong to its root', async () => {
    const words = ['run', '--rm', '--userns', 'auto', '-w', '/work', '--fetch', serve('/text', 'mapped'), image];
    const { code, stdout, stderr } = await isopod.run([
      ...words,
      'sh',
      '-c',
      'cat text; echo; ls -ln text | head -c 30',
    ]);
    expect({ code, stdout, stderr }).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^mapped\n-rw-r--r-- +1 0 +0/),
    });
  });

  test('are cached when they are to be, and asked for again otherwise', async () => {
    const address = serve('/cached', 'kept');
    asked = [];
    for (let time = 0; time < 2; time += 1) expect(await run([`${address},cache`], 'cat', 'cached')).toBe('kept');
    expect(asked).toEqual(['/cached']);
    const other = serve('/other', 'not kept');
    for (let time = 0; time < 2; time += 1) await run([other], 'cat', 'other');
    expect(asked).toEqual(['/cached', '/other', '/other']);
    const kept = readdirSync(join(isopod.root, 'fetcher')).filter((name) => name !== 'cache.json');
    expect(kept.map((name) => readFileSync(join(isopod.root, 'fetcher', name), 'utf8'))).toEqual(['kept']);
  });

  test('that are not there, or not what they should be, fail the launch, and nothing is left', async () => {
    await refused([url('/none')], /\/none is not there \(404\)/);
    await refused([`${serve('/text', 'x')},sha256=${sha256('y')}`], /should have digest sha256:/);
    const bad = serve('/bad.tar', 'no archive at all, but longer than a block of one'.repeat(20));
    await refused([bad], new RegExp(`${bad} is no tar archive, or a damaged one.*\\n.*extract=no`));
    await refused([`${directory}/none`], /cannot be read: ENOENT/);
    await refused([`image:${image}#/no/such`], /#\/no\/such: there is no \/no\/such in image /);
    await refused(['gopher://h/x'], /nothing is known of gopher:/);
    await refused([`${serve('/text', 'x')},output=../out`], /leads out/);
  });

  test('in an archive lead nowhere outside of its root', async () => {
    const archive = tarArchive([
      { name: 'out', type: TYPE.symlink, link: directory },
      { name: 'out/planted', data: 'x' },
      { name: '../../../escaped', data: 'x' },
    ]);
    await isopod.run(['run', '--rm', '-w', '/work', '--fetch', serve('/evil.tar', archive), image, 'true']);
    expect(existsSync(join(directory, 'planted'))).toBe(false);
    const link = tarArchive([{ name: 'in', type: TYPE.symlink, link: directory }]);
    const fetch = ['--fetch', serve('/link.tar', link), '--fetch', `${serve('/planted', 'x')},output=in/planted`];
    await isopod.run(['run', '--rm', '-w', '/work', ...fetch, image, 'true']);
    expect(existsSync(join(directory, 'planted'))).toBe(false);
  });

  test('that do not come can be given up: the container is destroyed, and nothing is left', async () => {
    const running = isopod.run([
      'run',
      '--name',
      'waits',
      '--rm',
      '-w',
      '/work',
      '--fetch',
      url('/silent'),
      image,
      'true',
    ]);
    await until('it fetches', async () => /fetching/i.test(await isopod.expect(['ps', '-a'])));
    await isopod.expect(['rm', '-f', 'waits']);
    expect((await running).code).not.toBe(0);
    expect(await isopod.expect(['ps', '-aq'])).toBe('');
    await until('no part of it is kept', () =>
      readdirSync(join(isopod.root, 'fetcher')).every((name) => !name.startsWith('.tmp-')),
    );
  });

  test('are not waited for by who interrupts the run, of which nothing is left', async () => {
    const fetch = ['--fetch', url('/silent')];
    const child = isopod.start(['run', '--name', 'interrupted', '-w', '/work', ...fetch, image, 'true']);
    const ended = new Promise((resolve) => child.once('close', (_code, signal) => resolve(signal)));
    await until('it fetches', async () => /fetching/i.test(await isopod.expect(['ps', '-a'])));
    child.kill('SIGINT');
    expect(await ended).toBe('SIGINT'); // 130 in a shell
    expect(await isopod.expect(['ps', '-aq'])).toBe('');
  });

  test('are not fetched again by a later life', async () => {
    asked = [];
    await isopod.expect([
      'run',
      '-d',
      '--name',
      'again',
      '-w',
      '/work',
      '--fetch',
      serve('/text', 'once'),
      image,
      'sh',
      '-c',
      'cat text; echo; echo more >> text',
    ]);
    await isopod.expect(['wait', 'again']);
    await isopod.expect(['start', 'again']);
    await isopod.expect(['wait', 'again']);
    expect(await isopod.expect(['logs', 'again'])).toMatch(/once[\s\S]*oncemore/);
    expect(asked).toEqual(['/text']);
    await isopod.expect(['rm', 'again']);
  });
});
