import { describe, expect, test } from 'vitest';
import { parseImageReference } from '../../model/image-reference.ts';
import type { TrustPolicy } from './policy.ts';
import { parsePolicy } from './policy-document.ts';
import { requirementsFor, scopesOf } from './scopes.ts';

function parse(document: unknown): TrustPolicy {
  return parsePolicy(Buffer.from(typeof document === 'string' ? document : JSON.stringify(document)), (reason) => {
    throw new Error(reason);
  });
}

const ACCEPT = [{ type: 'insecureAcceptAnything' }];
const REJECT = [{ type: 'reject' }];

describe('a policy', () => {
  test('in the format of containers-policy.json is understood', () => {
    const policy = parse({
      default: REJECT,
      transports: {
        docker: {
          'docker.io/library': ACCEPT,
          'registry.example': [
            { type: 'signedBy', keyType: 'GPGKeys', keyPath: '/etc/ring.gpg', signedIdentity: { type: 'matchExact' } },
            {
              type: 'sigstoreSigned',
              keyDatas: ['QUJD'],
              signedIdentity: { type: 'remapIdentity', prefix: 'mirror.example', signedPrefix: 'registry.example' },
            },
          ],
        },
        'docker-daemon': { '': ACCEPT },
      },
    });
    expect(policy.default).toEqual([{ kind: 'reject' }]);
    expect(policy.transports.get('docker')?.get('registry.example')).toEqual([
      {
        kind: 'gpg',
        keyRings: [{ kind: 'file', path: '/etc/ring.gpg' }],
        lookaside: undefined,
        identity: { kind: 'match-exact' },
      },
      {
        kind: 'sigstore',
        keys: [{ kind: 'data', bytes: Buffer.from('ABC') }],
        ...{ root: undefined, authority: undefined, logs: [] },
        identity: { kind: 'remap', prefix: 'mirror.example', signedPrefix: 'registry.example' },
      },
    ]);
  });

  const gpg = { type: 'signedBy', keyType: 'GPGKeys', keyPath: '/ring' };
  const key = { type: 'sigstoreSigned', keyPath: '/key' };
  test.each<[string, unknown, RegExp]>([
    ['that is not JSON', '{', /not JSON/],
    ['without a default', { transports: {} }, /no default/],
    ['with an empty list of requirements', { default: [] }, /no requirement/],
    ['with a word that is not known', { default: ACCEPT, defaults: ACCEPT }, /unknown field "defaults"/],
    ['with a requirement that is not known', { default: [{ type: 'signed' }] }, /none of insecureAcceptAnything/],
    ['that accepts under a condition', { default: [{ type: 'insecureAcceptAnything', keyPath: '/k' }] }, /keyPath/],
    ['without a key ring', { default: [{ type: 'signedBy', keyType: 'GPGKeys' }] }, /none of keyPath/],
    ['with keys of another kind', { default: [{ ...gpg, keyType: 'X509' }] }, /not GPGKeys/],
    ['with two ways to name keys', { default: [{ ...gpg, keyData: 'QUJD' }] }, /both keyPath and keyData/],
    ['with a relative path', { default: [{ ...gpg, keyPath: 'ring' }] }, /not an absolute path/],
    ['with data that is not base64', { default: [{ type: 'sigstoreSigned', keyData: '***' }] }, /not base64/],
    ['with a lookaside that anybody could change', { default: [{ ...gpg, lookaside: 'http://x/' }] }, /https/],
    ['without key and root', { default: [{ type: 'sigstoreSigned' }] }, /needs one of keyPath/],
    [
      'with both',
      { default: [{ ...key, trustedRootPath: '/r', signers: [{ issuer: 'i', subject: 's' }] }] },
      /needs one of keyPath/,
    ],
    [
      'with a root that anybody may sign for',
      { default: [{ type: 'sigstoreSigned', trustedRootPath: '/r', signers: [] }] },
      /empty/,
    ],
    [
      'with an authority and no log',
      { default: [{ type: 'sigstoreSigned', fulcio: { caPath: '/c', oidcIssuer: 'i', subjectEmail: 's' } }] },
      /needs one of rekorPublicKeyPath/,
    ],
    [
      'with an authority without certificates',
      {
        default: [{ type: 'sigstoreSigned', fulcio: { oidcIssuer: 'i', subjectEmail: 's' }, rekorPublicKeyPath: '/r' }],
      },
      /none of caPath, caData/,
    ],
    [
      'with an authority whose holders are not named',
      { default: [{ type: 'sigstoreSigned', fulcio: { caPath: '/c', oidcIssuer: 'i' }, rekorPublicKeyPath: '/r' }] },
      /subjectEmail/,
    ],
    [
      'with an authority and a key',
      { default: [{ ...key, fulcio: { caPath: '/c', oidcIssuer: 'i', subjectEmail: 's' }, rekorPublicKeyPath: '/r' }] },
      /one of them alone/,
    ],
    [
      'with a root and a log',
      {
        default: [
          {
            type: 'sigstoreSigned',
            ...{ trustedRootPath: '/r', signers: [{ issuer: 'i', subject: 's' }], rekorPublicKeyPath: '/r' },
          },
        ],
      },
      /names its logs/,
    ],
    ['with an identity that is not known', { default: [{ ...key, signedIdentity: { type: 'matchAll' } }] }, /unknown/],
    [
      'with a reference that is none',
      { default: [{ ...key, signedIdentity: { type: 'exactReference', dockerReference: 'A B' } }] },
      /dockerReference/,
    ],
    [
      'with a reference that any tag would be',
      { default: [{ ...key, signedIdentity: { type: 'exactReference', dockerReference: 'h.example:5000/app' } }] },
      /"h\.example:5000\/app" has neither tag nor digest/,
    ],
    ['that says its default twice', '{"default":[{"type":"reject"}],"default":[]}', /the key "default" twice/],
    [
      'with two equal scopes',
      '{"default":[{"type":"reject"}],"transports":{"docker":{"a.b":[{"type":"reject"}],"a.b":[{"type":"reject"}]}}}',
      /the key "a\.b" twice/,
    ],
    ...['*.example', 'h.example/app:1', 'h.example/', 'h.example/App', ''].map((prefix): [string, unknown, RegExp] => [
      `that maps from ${JSON.stringify(prefix)}`,
      { default: [{ ...key, signedIdentity: { type: 'remapIdentity', prefix, signedPrefix: 'h.example' } }] },
      /signedIdentity\.prefix "[^"]*" is neither a registry/,
    ]),
    [
      'that maps to a wildcard',
      { default: [{ ...key, signedIdentity: { type: 'remapIdentity', prefix: 'h', signedPrefix: '*.x' } }] },
      /signedIdentity\.signedPrefix "\*\.x"/,
    ],
  ])('%s is refused', (_, document, why) => {
    expect(() => parse(document)).toThrow(why);
  });
});

test('authorities without a log, which others have, are refused with what serves in their place', () => {
  const requirement = { type: 'sigstoreSigned', pki: { caRootsPath: '/r', subjectEmail: 'a@b.test' } };
  expect(() => parse({ default: [requirement] })).toThrow('default[0].pki is not supported');
  expect(() => parse({ default: [requirement] })).toThrow(/fulcio and a rekorPublicKey/);
});

describe('of the scopes of an image', () => {
  test.each<[string, readonly string[]]>([
    ['app', ['docker.io/library/app:latest', 'docker.io/library/app', 'docker.io/library', 'docker.io', '*.io']],
    [
      'a.b.example:5000/x/y:1',
      [
        'a.b.example:5000/x/y:1',
        'a.b.example:5000/x/y',
        'a.b.example:5000/x',
        'a.b.example:5000',
        '*.b.example:5000',
        '*.example:5000',
      ],
    ],
    [
      `h.example/x@sha256:${'0'.repeat(64)}`,
      [`h.example/x@sha256:${'0'.repeat(64)}`, 'h.example/x', 'h.example', '*.example'],
    ],
    ['oci:/srv/images/app:v1', ['/srv/images/app:v1', '/srv/images/app', '/srv/images', '/srv', '/']],
    ['dir:/srv/root', ['/srv/root', '/srv', '/']],
    ['docker-archive:/srv/a.tar:app', ['/srv/a.tar:app', '/srv/a.tar', '/srv', '/']],
    [
      'docker-daemon:app:1',
      ['docker.io/library/app:1', 'docker.io/library/app', 'docker.io/library', 'docker.io', '*.io'],
    ],
    [`docker-daemon:sha256:${'0'.repeat(64)}`, []],
    ['aci:/srv/a.aci', ['/srv/a.aci', '/srv', '/']],
    [
      'aci:example.com/team/app:1.0,os=linux',
      [
        'example.com/team/app:1.0,os=linux',
        'example.com/team/app:1.0',
        'example.com/team/app',
        'example.com/team',
        'example.com',
      ],
    ],
    ['aci:https://example.com/a.aci', ['https://example.com/a.aci', 'https://example.com']],
  ])('%s is in these', (text, scopes) => {
    expect(scopesOf(parseImageReference(text))).toEqual(scopes);
  });

  const policy = parse({
    default: REJECT,
    transports: {
      docker: {
        '': ACCEPT,
        'h.example': REJECT,
        'h.example/team': ACCEPT,
        'h.example/team/app:bad': REJECT,
        '*.wild.example': REJECT,
      },
      oci: { '/srv': ACCEPT },
    },
  });
  test.each<[string, 'accept' | 'reject']>([
    ['anything', 'accept'],
    ['h.example/other', 'reject'],
    ['h.example/team/app:good', 'accept'],
    ['h.example/team/app:bad', 'reject'],
    ['h.example/teams/app', 'reject'],
    ['a.wild.example/app', 'reject'],
    ['wild.example/app', 'accept'],
    ['oci:/srv/app', 'accept'],
    ['oci:/srvs/app', 'reject'],
    ['oci-archive:/srv/app.tar', 'reject'],
  ])('the longest decides for %s', (text, kind) => {
    expect(requirementsFor(policy, parseImageReference(text)).requirements).toEqual([{ kind }]);
  });
});
