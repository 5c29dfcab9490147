import { expect, test } from 'vitest';
import { helperOf, parseDockerConfig, storedCredential, withCredential, withoutCredential } from './docker-config.ts';

const PATH = '/root/.docker/config.json';
const parse = (document: object) => parseDockerConfig(JSON.stringify(document), PATH);
const auth = (text: string) => Buffer.from(text).toString('base64');
const at = (registry: string, repository = 'team/app') => ({ registry, repository, path: PATH });
const password = (username: string, secret: string) => ({ kind: 'password', username, password: secret });

test.each([
  ['docker.io', 'https://index.docker.io/v1/'],
  ['docker.io', 'index.docker.io'],
  ['docker.io', 'docker.io'],
  ['quay.io', 'quay.io'],
  ['quay.io', 'https://quay.io'],
  ['r.example:5000', 'https://r.example:5000/v2/'],
  ['quay.io', 'quay.io/team'],
  ['quay.io', 'quay.io/team/app'],
])('what %s is shown may be noted under %s', (registry, key) => {
  const config = parse({ auths: { [key]: { auth: auth('me:se:cret') } } });
  expect(storedCredential(config, at(registry))).toEqual(password('me', 'se:cret'));
});

test.each(['quay.io.example', 'quay.io/other', 'quay.io/team/app/more', 'https://not/quay.io', 'quay.io:443'])(
  'what is noted under %s is not for quay.io/team/app',
  (key) => {
    expect(storedCredential(parse({ auths: { [key]: { auth: auth('me:x') } } }), at('quay.io'))).toBeUndefined();
  },
);

test('the narrowest note counts', () => {
  const auths = { 'quay.io': { auth: auth('all:1') }, 'quay.io/team': { auth: auth('team:2') } };
  expect(storedCredential(parse({ auths }), at('quay.io'))).toEqual(password('team', '2'));
  expect(storedCredential(parse({ auths }), at('quay.io', 'other/app'))).toEqual(password('all', '1'));
});

test.each([
  [
    { identitytoken: 't', auth: auth('me:x') },
    { kind: 'identity-token', token: 't' },
  ],
  [{ registrytoken: 't' }, { kind: 'registry-token', token: 't' }],
  [{ auth: auth('<token>:t') }, { kind: 'identity-token', token: 't' }],
  [{ username: 'me', password: 'pw' }, password('me', 'pw')],
  [{}, undefined],
])('%j is read as %j', (entry, expected) => {
  expect(storedCredential(parse({ auths: { 'quay.io': entry } }), at('quay.io'))).toEqual(expected);
});

test('a registry has its own helper, or that of all others', () => {
  const config = parse({
    credsStore: 'pass',
    credHelpers: { 'https://index.docker.io/v1/': 'hub', 'ecr.example': '' },
  });
  expect(helperOf(config, 'docker.io')).toBe('hub');
  expect(helperOf(config, 'quay.io')).toBe('pass');
  expect(helperOf(config, 'ecr.example')).toBeUndefined();
});

test('a login takes the place of what was noted, as Docker writes it, and keeps all else', () => {
  const config = parse({ auths: { 'https://quay.io': { auth: 'b2xkOngK' }, 'a.example': {} }, psFormat: 'x' });
  const text = withCredential(config, 'quay.io', { username: 'me', password: 'pw' });
  expect(JSON.parse(text)).toEqual({
    auths: { 'a.example': {}, 'quay.io': { auth: auth('me:pw') } },
    psFormat: 'x',
  });
  expect(text).toContain('\n\t"auths": {');
  const hub = withCredential(config, 'docker.io', 'with the helper');
  expect(JSON.parse(hub).auths['https://index.docker.io/v1/']).toEqual({});
});

test('a logout takes away what was noted, and only that', () => {
  const config = parse({ auths: { 'https://quay.io/v1/': {}, 'quay.io/team': {}, 'a.example': {} } });
  expect(JSON.parse(withoutCredential(config, 'quay.io') ?? '')).toEqual({
    auths: { 'quay.io/team': {}, 'a.example': {} },
  });
  expect(withoutCredential(config, 'b.example')).toBeUndefined();
});

test.each([
  ['{', 'it is not JSON'],
  ['[]', 'it is not an object'],
  ['{"auths": []}', 'auths is not an object'],
  ['{"credsStore": "../../evil"}', 'no name of a credential helper'],
  ['{"credHelpers": {"a": 1}}', 'no name of a credential helper'],
])('%s is refused: %s', (text, reason) => {
  expect(() => parseDockerConfig(text, PATH)).toThrow(reason);
});

test('an auth without a colon is refused without being shown', () => {
  const config = parse({ auths: { 'quay.io': { auth: auth('secret') } } });
  expect(() => storedCredential(config, at('quay.io'))).toThrow('auth of "quay.io" is no user:password');
});
