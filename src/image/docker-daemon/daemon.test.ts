import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dockerHostOf } from '../../model/docker-host.ts';
import { buildImage } from '../built-image.fixture.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { writeLayout } from '../transfer/layout.fixture.ts';
import { TransferPlace } from '../transfer/transfer-ports.fixture.ts';

const IMAGE = buildImage([writeTar([{ path: 'file', mode: 0o644, content: Buffer.alloc(200_000, 'x') }])]);

let place: TransferPlace;
let server: Server;
/** What the engine was given last. */
let loaded: Buffer;
/** What the engine says to what it is given. */
let answer: { readonly status: number; readonly body: string };

/** A Docker engine of two calls: it saves one image, and keeps what it is given. */
beforeEach(async () => {
  place = new TransferPlace();
  writeLayout(place.path('layout'), 'app', IMAGE);
  await place.copy(`oci:${place.path('layout')}:app`, `docker-archive:${place.path('saved')}:app:1`);
  loaded = Buffer.alloc(0);
  answer = { status: 200, body: '{"stream":"Loaded image: app:2\\n"}\n' };
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://docker');
    if (url.pathname === '/images/get' && url.searchParams.get('names') === 'app:1') {
      response.end(readFileSync(place.path('saved')));
      return;
    }
    if (request.method !== 'POST' || url.pathname !== '/images/load') {
      response.statusCode = 404;
      response.end('{"message":"reference does not exist"}');
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      loaded = Buffer.concat(chunks);
      response.statusCode = answer.status;
      response.end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(place.path('docker.sock'), resolve));
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  expect(await place.leftovers()).toEqual([]);
  place.remove();
});

const layout = (): string => `oci:${place.path('layout')}:app`;

test('an image of a Docker engine is copied, and keeps its id', async () => {
  await place.copy('docker-daemon:app:1', `docker-archive:${place.path('made')}:app:1`);
  expect(readFileSync(place.path('made')).equals(readFileSync(place.path('saved')))).toBe(true);
});

test('a Docker engine is given an image under the name that the target says', async () => {
  await place.copy(layout(), 'docker-daemon:app:2');
  writeFileSync(place.path('loaded'), loaded);
  await place.copy(`docker-archive:${place.path('loaded')}:app:2`, `docker-archive:${place.path('made')}:app:1`);
  expect(readFileSync(place.path('made')).equals(readFileSync(place.path('saved')))).toBe(true);
});

test('an image that the engine does not have is named', async () => {
  await expect(place.copy('docker-daemon:other:1', `tar:${place.path('x')}`)).rejects.toMatchObject({
    code: 'docker-daemon.unknownImage',
    message: expect.stringContaining('other:1: reference does not exist'),
  });
});

test('an engine that does not take the image is an error, also where it says so after all', async () => {
  answer = { status: 500, body: '{"message":"no space left"}' };
  await expect(place.copy(layout(), 'docker-daemon:app:2')).rejects.toMatchObject({ code: 'docker-daemon.refused' });
  answer = { status: 200, body: '{"errorDetail":{"message":"bad"},"error":"invalid archive"}\n' };
  await expect(place.copy(layout(), 'docker-daemon:app:2')).rejects.toMatchObject({
    code: 'docker-daemon.notLoaded',
    message: expect.stringContaining('invalid archive'),
  });
});

test('an engine that is not there is an error that names its socket', async () => {
  const elsewhere = new TransferPlace('unix:///nowhere/docker.sock');
  for (const [from, to] of [
    ['docker-daemon:app:1', `oci:${elsewhere.path('x')}`],
    [layout(), 'docker-daemon:app:1'],
  ] as const) {
    await expect(elsewhere.copy(from, to)).rejects.toMatchObject({
      code: 'docker-daemon.unreachable',
      message: expect.stringContaining('/nowhere/docker.sock does not answer: ENOENT'),
    });
  }
  expect(await elsewhere.leftovers()).toEqual([]);
  elsewhere.remove();
});

test.each([
  ['docker-daemon:app:1', 'tar'],
  ['oci', 'docker-daemon:app:1'],
])('a copy from %s to %s is of the Docker engine that the request names', async (from, to) => {
  const elsewhere = place.transfers();
  const dockerHost = { host: 'unix:///of/the/caller.sock' };
  const request = {
    source: from === 'oci' ? layout() : from,
    target: to === 'tar' ? `tar:${place.path('x')}` : to,
    dockerHost,
  };
  await expect(elsewhere.copy(request, { signal: place.signal })).rejects.toMatchObject({
    code: 'docker-daemon.unreachable',
    message: expect.stringContaining('/of/the/caller.sock'),
  });
});

test('certificates that are not there are named, with the variable that asks for them', async () => {
  const dockerHost = { host: 'tcp://127.0.0.1:1', certificates: place.path('none') };
  const copied = place
    .transfers()
    .copy({ source: layout(), target: 'docker-daemon:app:2', dockerHost }, { signal: place.signal });
  await expect(copied).rejects.toMatchObject({
    code: 'docker-daemon.missingCertificate',
    message: `DOCKER_TLS_VERIFY asks for TLS to the Docker engine at tcp://127.0.0.1:1, and ${place.path('none/ca.pem')} cannot be read: ENOENT (no such file or directory)`,
    remedy: expect.stringContaining('DOCKER_CERT_PATH'),
  });
});

test('an engine is found by TCP, too, and by no other way', async () => {
  const tcp = new TransferPlace('tcp://127.0.0.1:1');
  await expect(tcp.copy('docker-daemon:app:1', `oci:${tcp.path('x')}`)).rejects.toMatchObject({
    code: 'docker-daemon.unreachable',
  });
  tcp.remove();
});

test.each(['ssh://me@host', 'tcp://h', 'unix://docker.sock', 'npipe:////./pipe/docker', '/run/docker.sock'])(
  'an engine at %s is refused by name, at either end',
  async (host) => {
    const other = new TransferPlace(host);
    for (const [from, to] of [
      ['docker-daemon:app:1', `oci:${other.path('x')}`],
      [layout(), 'docker-daemon:app:2'],
    ] as const) {
      await expect(other.copy(from, to)).rejects.toMatchObject({
        code: 'docker-daemon.badHost',
        message: expect.stringContaining(host),
      });
    }
    other.remove();
  },
);

test.each([
  [{}, { host: undefined, certificates: undefined }],
  [{ DOCKER_HOST: 'tcp://h:1' }, { host: 'tcp://h:1', certificates: undefined }],
  [
    { DOCKER_HOST: 'tcp://h:1', DOCKER_TLS_VERIFY: '1', HOME: '/me' },
    { host: 'tcp://h:1', certificates: '/me/.docker' },
  ],
  [
    { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/c' },
    { host: undefined, certificates: '/c' },
  ],
])('%j says where the engine is', (env, expected) => {
  expect(dockerHostOf(env)).toEqual(expected);
});
