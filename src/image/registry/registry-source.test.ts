import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import type { RegistryReference } from '../../model/image-reference.ts';
import type { RegistryCredential } from '../../model/registry-credential.ts';
import { buildImage } from '../built-image.fixture.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { FakeRegistry } from '../fake-registry.fixture.ts';
import { OCI_LAYER } from '../media-types.ts';
import type { ImageSource } from '../source.ts';
import { Registries, type RegistriesOptions } from './registries.ts';

const { signal } = new AbortController();
const LAYER = writeTar([{ path: 'large', mode: 0o644, content: randomBytes(300_000) }]);
const IMAGE = buildImage([LAYER], { compress: false });
const DESCRIPTOR = { mediaType: OCI_LAYER, digest: IMAGE.layers[0]?.digest as never, sizeBytes: LAYER.length };

let registry: FakeRegistry;
let mirror: FakeRegistry;
let hostsDirectory: string;
const undo: (() => unknown)[] = [];

beforeEach(async () => {
  [registry, mirror] = [await FakeRegistry.start(), await FakeRegistry.start()];
  hostsDirectory = mkdtempSync(join(tmpdir(), 'isopod-source-'));
  registry.push('app', '1', IMAGE);
});
afterEach(async () => {
  for (const step of undo.splice(0)) await step();
  rmSync(hostsDirectory, { recursive: true });
  await registry.stop();
  await mirror.stop();
});

function hostsOf(name: string, text: string): void {
  mkdirSync(join(hostsDirectory, name), { recursive: true });
  writeFileSync(join(hostsDirectory, name, 'hosts.toml'), text);
}

function registries(options: Partial<RegistriesOptions> = {}): Registries {
  const limits = { retryDelayMs: 1, requestAttempts: 3, ...options.limits };
  return new Registries({ ...nodeEffects(), hostsDirectory, ...options, limits });
}

function open(from = registries(), credential?: RegistryCredential, name = registry.host): ImageSource {
  const reference: RegistryReference = {
    kind: 'registry',
    registry: name,
    repository: 'app',
    tag: '1',
    digest: undefined,
  };
  const source = from.source(reference, credential);
  undo.push(() => source.close());
  return source;
}

async function read(source: ImageSource, startByte?: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.blob(DESCRIPTOR, signal, startByte)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const ranges = (of: FakeRegistry) =>
  of.requests.filter(({ path }) => path.includes('/blobs/')).map(({ range }) => range);

/** Sends so many bytes and breaks the connection, once. */
function breakOnce(of: FakeRegistry, bytes: number): void {
  let left = 1;
  of.misbehave = (request, response) => {
    if (!request.url?.includes('/blobs/') || left-- <= 0) return false;
    response.writeHead(200, { 'content-length': LAYER.length });
    response.write(LAYER.subarray(0, bytes), () => response.destroy());
    return true;
  };
}

test('a blob that breaks off is gone on with at the byte that was reached', async () => {
  breakOnce(registry, 100_000);
  expect((await read(open())).equals(LAYER)).toBe(true);
  expect(ranges(registry)).toEqual([undefined, 'bytes=100000-']);
});

test('a registry that knows no ranges is read from its beginning, and what is known passed over', async () => {
  registry.misbehave = (request, response) => {
    if (!request.url?.includes('/blobs/')) return false;
    response.end(LAYER);
    return true;
  };
  expect((await read(open(), 250_000)).equals(LAYER.subarray(250_000))).toBe(true);
});

test.each(['bytes 1-9/10', 'bytes 100001-307199/307200', undefined])(
  'an answer with other bytes than those that were asked for is refused: %s',
  async (contentRange) => {
    registry.misbehave = (request, response) => {
      if (!request.url?.includes('/blobs/')) return false;
      response.writeHead(206, contentRange === undefined ? {} : { 'content-range': contentRange });
      response.end(LAYER.subarray(100_001));
      return true;
    };
    await expect(read(open(), 100_000)).rejects.toMatchObject({ code: 'registry.wrongRange', kind: 'data-loss' });
  },
);

test('a mirror is asked first, is told which registry is meant, and is never shown the credential', async () => {
  hostsOf(registry.host, `server = "http://${registry.host}"\n[host."http://${mirror.host}"]`);
  for (const path of ['manifests/1', `blobs/${DESCRIPTOR.digest}`]) {
    const bytes = registry.contentOf(`/v2/app/${path}`) ?? Buffer.alloc(0);
    mirror.put(`/v2/app/${path}?ns=${encodeURIComponent(registry.host)}`, bytes, IMAGE.manifest.mediaType);
  }
  const source = open(registries(), { kind: 'password', username: 'me', password: 'secret' });
  await source.root(signal);
  expect((await read(source)).equals(LAYER)).toBe(true);
  expect(registry.requests).toEqual([]);
  expect(mirror.requests.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
});

test.each([404, 403, 500, 429])('what a mirror refuses with HTTP %d is asked of the registry', async (status) => {
  hostsOf(registry.host, `server = "http://${registry.host}"\n[host."http://${mirror.host}"]`);
  mirror.misbehave = (_request, response) => {
    response.writeHead(status).end();
    return true;
  };
  const source = open();
  expect((await source.root(signal)).bytes).toEqual(IMAGE.manifest.bytes);
  expect((await read(source)).equals(LAYER)).toBe(true);
  expect(mirror.requests).toHaveLength(2);
});

test('a mirror that breaks off is gone on from at the registry', async () => {
  hostsOf(registry.host, `server = "http://${registry.host}"\n[host."http://${mirror.host}"]`);
  breakOnce(mirror, 200_000);
  expect((await read(open())).equals(LAYER)).toBe(true);
  expect(ranges(registry)).toEqual(['bytes=200000-']);
});

test('a host that may only pull is not asked what a tag means', async () => {
  const lines = [`server = "http://${registry.host}"`, `[host."http://${mirror.host}"]`, 'capabilities = ["pull"]'];
  hostsOf(registry.host, lines.join('\n'));
  await open().root(signal);
  expect(mirror.requests).toEqual([]);
});

test('headers of hosts.toml are sent to that host', async () => {
  hostsOf(registry.host, `server = "http://${registry.host}"\n[header]\nx-key = "k"`);
  let seen: unknown;
  registry.misbehave = (request) => {
    seen = request.headers['x-key'];
    return false;
  };
  await open().root(signal);
  expect(seen).toBe('k');
});

test('a registry that wants to be left alone for long is not waited for', async () => {
  registry.misbehave = (_request, response) => {
    response.writeHead(429, { 'retry-after': '3600' }).end();
    return true;
  };
  await expect(open().root(signal)).rejects.toMatchObject({
    code: 'registry.rateLimited',
    message: expect.stringContaining('3600 s'),
  });
});

test('a token serves later pulls too, and those with another credential get their own', async () => {
  const asked: (string | undefined)[] = [];
  registry.misbehave = (request, response) => {
    const { authorization } = request.headers;
    if (request.url?.startsWith('/token')) {
      asked.push(authorization);
      response.end(JSON.stringify({ token: `t${asked.length}`, expires_in: 300 }));
      return true;
    }
    if (authorization?.startsWith('Bearer t') === true) return false;
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` }).end();
    return true;
  };
  const known = registries();
  const me: RegistryCredential = { kind: 'password', username: 'me', password: 'se:cret' };
  for (const credential of [undefined, undefined, me, me]) await open(known, credential).root(signal);
  expect(asked).toEqual([undefined, `Basic ${Buffer.from('me:se:cret').toString('base64')}`]);
});

test('an identity token is changed for an access token, and stands in no address', async () => {
  let form = '';
  registry.misbehave = (request, response) => {
    if (request.url === '/token' && request.method === 'POST') {
      request.on('data', (chunk) => {
        form += String(chunk);
      });
      request.on('end', () => response.end('{"access_token":"t"}'));
      return true;
    }
    if (request.headers.authorization === 'Bearer t') return false;
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token",service="s"` }).end();
    return true;
  };
  await open(registries(), { kind: 'identity-token', token: 'refresh-me' }).root(signal);
  expect(Object.fromEntries(new URLSearchParams(form))).toMatchObject({
    ...{ grant_type: 'refresh_token', service: 's', refresh_token: 'refresh-me', scope: 'repository:app:pull' },
  });
  expect(registry.countOf('refresh-me')).toBe(0);
});

test('a login asks for an identity token, and pulls ask for none', async () => {
  registry.misbehave = (request, response) => {
    if (request.url?.startsWith('/token') === true) {
      const wants = new URL(request.url, 'http://x').searchParams.get('offline_token') === 'true';
      response.end(JSON.stringify({ token: 't', ...(wants ? { refresh_token: 'refresh-me' } : {}) }));
      return true;
    }
    if (request.headers.authorization === 'Bearer t') return false;
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` }).end();
    return true;
  };
  registry.put('/v2/', Buffer.from('{}'));
  const known = registries();
  const me: RegistryCredential = { kind: 'password', username: 'me', password: 'pw' };
  for (let time = 0; time < 2; time += 1) {
    expect(await known.checkLogin(registry.host, me, signal)).toBe('refresh-me');
  }
  await open(known, me).root(signal);
  expect(registry.countOf('offline_token=true')).toBe(2);
  expect(registry.countOf('/token')).toBe(3);
});

test('a password is shown by HTTP basic where the registry asks for it, and not before', async () => {
  registry.misbehave = (request, response) => {
    if (request.headers.authorization !== undefined) return false;
    response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    return true;
  };
  await open(registries(), { kind: 'password', username: 'me', password: 'pw' }).root(signal);
  expect(registry.requests.map(({ authorization }) => authorization)).toEqual([undefined, 'Basic bWU6cHc=']);
  await expect(open().root(signal)).rejects.toMatchObject({ code: 'registry.refused' });
});

test('a registry elsewhere is asked through the proxy, which is shown its own password alone', async () => {
  const seen: (string | undefined)[] = [];
  const proxy = createServer((request, response) => {
    seen.push(request.url, request.headers['proxy-authorization'], request.headers.host);
    const url = new URL(request.url ?? '');
    registry.serve(request, response, registry.contentOf(url.pathname) ?? Buffer.alloc(0), {
      'content-type': IMAGE.manifest.mediaType,
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  undo.push(
    () => proxy.close(),
    () => proxy.closeAllConnections(),
  );
  hostsOf('registry.example:5000', 'server = "http://registry.example:5000"');
  const env = { HTTP_PROXY: `http://me:pw@127.0.0.1:${(proxy.address() as AddressInfo).port}` };
  const source = open(registries({ env }), undefined, 'registry.example:5000');
  expect((await source.root(signal)).bytes).toEqual(IMAGE.manifest.bytes);
  expect(seen).toEqual([
    ...['http://registry.example:5000/v2/app/manifests/1', 'Basic bWU6cHc=', 'registry.example:5000'],
  ]);
});

test('a proxy that refuses a tunnel is named without its password', async () => {
  const tunnels: (string | undefined)[] = [];
  const proxy = createServer();
  proxy.on('connect', (request, socket) => {
    tunnels.push(request.url);
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  undo.push(
    () => proxy.close(),
    () => proxy.closeAllConnections(),
  );
  const env = { HTTPS_PROXY: `http://me:hidden@127.0.0.1:${(proxy.address() as AddressInfo).port}` };
  const error = await open(registries({ env }), undefined, 'registry.example')
    .root(signal)
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'registry.unreachable' });
  expect(String(error)).not.toContain('hidden');
  expect(tunnels).toEqual(['registry.example:443']);
});

test('a source that is closed leaves no connection open', async () => {
  const source = open();
  await source.root(signal);
  expect(await registry.openConnections()).toBe(1);
  source.close();
  await expect.poll(() => registry.openConnections(), { timeout: 20_000 }).toBe(0);
});
