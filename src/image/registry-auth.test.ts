import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildImage } from './built-image.fixture.ts';
import { writeTar } from './embedded/tar-writer.ts';
import { FakeRegistry } from './fake-registry.fixture.ts';
import { chooseChallenge, parseChallenges } from './registry/challenge.ts';
import { followedUrl, registryUrl } from './registry/endpoint.ts';
import { StoreFixture } from './store.fixture.ts';

let registry: FakeRegistry;
let store: StoreFixture;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  store = new StoreFixture();
});

afterEach(async () => {
  store.remove();
  await registry.stop();
});

const IMAGE = buildImage([writeTar([{ path: 'a', mode: 0o644, content: Buffer.from('a') }])]);

/** Asks for a token that is only good for `uses` requests. */
function demandTokens(options: { readonly uses: number; readonly grant?: boolean }): void {
  let issued = 0;
  let left = 0;
  registry.misbehave = (request, response) => {
    const url = request.url ?? '';
    if (url.startsWith('/token')) {
      if (options.grant === false) response.writeHead(401).end('{}');
      else {
        issued++;
        left = options.uses;
        response.end(JSON.stringify({ token: `t${issued}`, expires_in: 60 }));
      }
      return true;
    }
    if (request.headers.authorization === `Bearer t${issued}` && left-- > 0) return false;
    response.writeHead(401, {
      'www-authenticate': `Bearer realm="http://${registry.host}/token",service="fake",scope="repository:app:pull"`,
    });
    response.end('{"errors":[{"message":"authentication required"}]}');
    return true;
  };
}

test('a registry that asks for a token gets one, for this repository', async () => {
  registry.push('app', '1', IMAGE);
  demandTokens({ uses: 100 });
  await store.open().pull(`${registry.host}/app:1`);
  const asked = registry.requests.filter(({ path }) => path.startsWith('/token'));
  expect(asked).toHaveLength(1);
  expect(asked[0]?.path).toBe('/token?service=fake&scope=repository%3Aapp%3Apull');
  expect(asked[0]?.authorization).toBeUndefined();
});

test('a token that runs out during a pull is replaced', async () => {
  registry.push('app', '1', IMAGE);
  demandTokens({ uses: 1 });
  await store.open().pull(`${registry.host}/app:1`);
  expect(registry.countOf('/token')).toBe(3);
});

test('a token that is not granted is permission denied', async () => {
  registry.push('app', '1', IMAGE);
  demandTokens({ uses: 1, grant: false });
  await expect(store.open().pull(`${registry.host}/app:1`)).rejects.toMatchObject({
    kind: 'permission-denied',
    code: 'registry.badToken',
  });
});

test('a token that does not help is not asked for twice', async () => {
  registry.push('app', '1', IMAGE);
  demandTokens({ uses: 0 });
  await expect(store.open().pull(`${registry.host}/app:1`)).rejects.toMatchObject({
    kind: 'permission-denied',
    message: expect.stringContaining('authentication required'),
  });
  expect(registry.countOf('/token')).toBe(1);
});

test.each([
  ['Basic realm="a", Bearer realm="b",service="c"', ['basic a', 'bearer b']],
  ['Negotiate, Basic realm="a"', ['negotiate ', 'basic a']],
  ['Bearer', ['bearer ']],
])('all challenges of %s are read', (header, expected) => {
  expect(parseChallenges(header).map(({ scheme, parameters }) => `${scheme} ${parameters.get('realm') ?? ''}`)).toEqual(
    expected,
  );
});

test('a redirect to another host is followed without our token', async () => {
  const authorizations: (string | undefined)[] = [];
  const elsewhere = createServer((request, response) => {
    authorizations.push(request.headers.authorization);
    response.end(IMAGE.layers[0]?.bytes);
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  try {
    registry.push('app', '1', IMAGE);
    demandTokens({ uses: 100 });
    const demand = registry.misbehave;
    registry.misbehave = (request, response) => {
      if (demand(request, response)) return true;
      if (!(request.url ?? '').includes(IMAGE.layers[0]?.digest ?? '-')) return false;
      response.writeHead(307, { location: `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/data` });
      response.end();
      return true;
    };
    await store.open().pull(`${registry.host}/app:1`);
    expect(authorizations).toEqual([undefined]);
  } finally {
    elsewhere.close();
    elsewhere.closeAllConnections();
  }
});

test('redirects without end are given up', async () => {
  registry.misbehave = (request, response) => {
    response.writeHead(302, { location: `${request.url}x` }).end();
    return true;
  };
  await expect(store.open().pull(`${registry.host}/app:1`)).rejects.toMatchObject({
    code: 'registry.tooManyRedirects',
  });
  expect(registry.requests).toHaveLength(6);
});

test.each([
  ['docker.io', 'https://registry-1.docker.io/'],
  ['quay.io', 'https://quay.io/'],
  ['10.0.0.1:5000', 'https://10.0.0.1:5000/'],
  ['localhost', 'http://localhost/'],
  ['localhost:5000', 'http://localhost:5000/'],
  ['127.0.0.1:443', 'http://127.0.0.1:443/'],
  ['127.9.8.7:5000', 'http://127.9.8.7:5000/'],
  ['[::1]:5000', 'http://[::1]:5000/'],
  ['127.0.0.1.example.com', 'https://127.0.0.1.example.com/'],
])('registry %s is asked at %s', (registryName, url) => {
  expect(registryUrl(registryName).href).toBe(url);
});

test.each([
  ['https://r.example/v2/', 'https://cdn.example/x'],
  ['https://r.example/v2/', '/elsewhere'],
  ['http://127.0.0.1:5000/', 'http://localhost:6000/x'],
  ['http://127.0.0.1:5000/', 'https://cdn.example/x'],
])('from %s to %s is followed', (from, target) => {
  expect(followedUrl(new URL(from), target).href).toBe(new URL(target, from).href);
});

test.each([
  ['https://r.example/', 'http://cdn.example/x', 'plain http is for this machine only'],
  ['http://127.0.0.1:5000/', 'http://10.0.0.1/x', 'plain http is for this machine only'],
  ['https://r.example/', 'http://127.0.0.1:2375/x', 'from another machine to this one'],
  ['https://r.example/', 'https://[::1]/x', 'from another machine to this one'],
  ['https://r.example/', 'file:///etc/passwd', 'only http and https are'],
  ['https://r.example/', 'http://', 'it is not a URL'],
])('from %s to %s is refused: %s', (from, target, reason) => {
  expect(() => followedUrl(new URL(from), target)).toThrow(reason);
});

test('a challenge is taken apart, quotes and commas inside values included', () => {
  expect(chooseChallenge('Bearer realm="https://a/t?x=1,2",service=reg, scope="repository:a/b:pull,push"')).toEqual({
    scheme: 'bearer',
    parameters: new Map([
      ['realm', 'https://a/t?x=1,2'],
      ['service', 'reg'],
      ['scope', 'repository:a/b:pull,push'],
    ]),
  });
  expect(chooseChallenge('Basic realm="a \\"b\\""')?.parameters.get('realm')).toBe('a "b"');
  expect(chooseChallenge('')).toBeUndefined();
});
