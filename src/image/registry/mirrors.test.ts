import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RegistryCredential } from '../../model/registry-credential.ts';
import { IMAGE, LAYER, layerOf, Mirrored } from './mirrored.fixture.ts';

const { signal } = new AbortController();
const ME: RegistryCredential = { kind: 'password', username: 'me', password: 'secret' };

let hosts: Mirrored;
beforeEach(async () => {
  hosts = await Mirrored.start();
});
afterEach(() => hosts.stop());

/** Asks who comes without one for a password. */
function askPassword(of: Mirrored['mirror']): void {
  of.misbehave = (request, response) => {
    if (request.headers.authorization !== undefined) return false;
    response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    return true;
  };
}

test.each(['_default', undefined])('a server on another host is asked for the registry (%s)', async (name) => {
  hosts.say([`server = "http://${hosts.mirror.host}"`], name);
  const source = hosts.open();
  expect((await source.root(signal)).bytes).toEqual(IMAGE.manifest.bytes);
  expect((await layerOf(source)).equals(LAYER)).toBe(true);
  expect(hosts.registry.requests).toEqual([]);
});

test('a server on another host is never shown the credential of the registry, and the refusal says what helps', async () => {
  hosts.say([`server = "http://${hosts.mirror.host}"`], '_default');
  askPassword(hosts.mirror);
  await expect(hosts.open(ME).root(signal)).rejects.toMatchObject({
    code: 'registry.refusedElsewhere',
    message: expect.stringContaining(`${hosts.mirror.host}, which is asked for registry ${hosts.registry.host}`),
    remedy: expect.stringContaining('as a header'),
  });
  expect(hosts.mirror.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
});

test('a login of a registry whose server is another host is shown to nobody', async () => {
  hosts.say([`server = "http://${hosts.mirror.host}"`]);
  askPassword(hosts.mirror);
  await expect(hosts.registries().checkLogin(hosts.registry.host, ME, signal)).rejects.toMatchObject({
    code: 'registry.loginUnused',
    message: expect.stringContaining(hosts.mirror.host),
  });
  expect(hosts.mirror.requests).toEqual([]);
});

test.each([
  ['["pull"]', 1],
  ['["referrers"]', 1],
  ['["resolve"]', 0],
])('a mirror with the capabilities %s is asked %d times what refers to an image', async (capabilities, times) => {
  hosts.sayMirror(`capabilities = ${capabilities}`);
  await hosts.open().referrers?.(IMAGE.manifest.digest as never, signal);
  expect(hosts.mirror.countOf('/referrers/')).toBe(times);
});

test('a host is asked through the proxy that its hosts.toml names, whatever the environment says', async () => {
  hosts.say(['server = "http://registry.example"', `proxy = "http://${hosts.mirror.host}"`], 'registry.example');
  const { bytes, mediaType } = IMAGE.manifest;
  hosts.mirror.put('http://registry.example/v2/app/manifests/1', bytes, mediaType);
  const env = { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: '*' };
  const source = hosts.open(undefined, hosts.registries({ env }), 'registry.example');
  expect((await source.root(signal)).bytes).toEqual(bytes);
});

test.each(['http', 'https'])('a proxy that is not there is named for %s', async (scheme) => {
  hosts.say([`server = "${scheme}://plain.example"`], 'plain.example');
  const env = { HTTP_PROXY: 'http://me:hidden@127.0.0.1:1', HTTPS_PROXY: 'http://me:hidden@127.0.0.1:1' };
  await expect(hosts.open(undefined, hosts.registries({ env }), 'plain.example').root(signal)).rejects.toMatchObject({
    code: 'registry.unreachable',
    message: 'cannot reach registry plain.example: through proxy http://127.0.0.1:1: connection refused',
    remedy: expect.stringContaining('NO_PROXY'),
  });
});

test('a proxy of another kind is refused by its scheme', async () => {
  hosts.say(['server = "http://plain.example"', `[host."http://${hosts.mirror.host}"]`], 'plain.example');
  hosts.mirror.misbehave = (_request, response) => {
    response.writeHead(404).end();
    return true;
  };
  const env = { HTTP_PROXY: 'socks5://127.0.0.1:1080' };
  await expect(hosts.open(undefined, hosts.registries({ env }), 'plain.example').root(signal)).rejects.toMatchObject({
    ...{ code: 'registry-proxy.notServed', message: expect.stringContaining('HTTP_PROXY is socks5://127.0.0.1:1080') },
  });
});
