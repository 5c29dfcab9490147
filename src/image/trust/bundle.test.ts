import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256Of } from '../config-document.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../media-types.ts';
import { JudgedStore, signatureManifest } from './judged-store.fixture.ts';
import {
  ISSUER,
  keyBundle,
  LocalSigstore,
  messageBundle,
  payloadOf,
  type Signing,
  SUBJECT,
  statementOf,
} from './local-sigstore.fixture.ts';

let judged: JudgedStore;
let sigstore: LocalSigstore;

beforeEach(async () => {
  judged = await JudgedStore.start();
  sigstore = new LocalSigstore();
});

afterEach(async () => {
  await judged.stop();
});

const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const DIGEST_ONLY = { type: 'digestOnly' };

const app = (): string => `${judged.registry.host}/app`;

/** Makes a bundle a referrer of a manifest. */
function refer(subject: string, bundle: Buffer): void {
  const manifest = Buffer.from(
    JSON.stringify(
      signatureManifest([{ bytes: bundle, mediaType: BUNDLE }], {
        artifactType: BUNDLE,
        subject: { mediaType: OCI_MANIFEST, digest: subject, size: 1 },
      }),
    ),
  );
  const digest = sha256Of(manifest);
  judged.registry.put(`/v2/app/blobs/${sha256Of(bundle)}`, bundle);
  judged.registry.put(`/v2/app/manifests/${digest}`, manifest, OCI_MANIFEST);
  const index = {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [{ mediaType: OCI_MANIFEST, digest, size: manifest.length }],
  };
  judged.registry.put(`/v2/app/referrers/${subject}`, Buffer.from(JSON.stringify(index)), OCI_INDEX);
}

function requireKey(key: KeyObject, signedIdentity: object = DIGEST_ONLY): void {
  const keyPath = judged.file('key.pub', key.export({ format: 'pem', type: 'spki' }).toString());
  judged.require({ type: 'sigstoreSigned', keyPath, signedIdentity });
}

/** Both ways in which a policy names who gives certificates. */
let isInParts = false;

function requireSigner(signedIdentity: object = DIGEST_ONLY): void {
  if (isInParts) {
    const { authority, logKey } = sigstore.parts();
    const fulcio = { caPath: judged.file('ca.pem', authority), oidcIssuer: ISSUER, subjectEmail: SUBJECT };
    const rekorPublicKeyPath = judged.file('log.pem', logKey);
    judged.require({ type: 'sigstoreSigned', fulcio, rekorPublicKeyPath, signedIdentity });
    return;
  }
  const trustedRootPath = judged.file('root.json', sigstore.trustedRoot());
  judged.require({
    type: 'sigstoreSigned',
    trustedRootPath,
    signers: [{ issuer: ISSUER, subject: SUBJECT }],
    signedIdentity,
  });
}

async function expectTaken(): Promise<void> {
  await judged.images().pull(`${app()}:1`);
}

async function expectRefused(why: RegExp): Promise<void> {
  await expect(judged.images().pull(`${app()}:1`)).rejects.toMatchObject({
    kind: 'permission-denied',
    message: expect.stringMatching(why),
  });
  expect(await judged.store.files()).toEqual([]);
}

describe('a bundle by a key', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  test('that states the digest lets an image in', async () => {
    const { manifest } = judged.push();
    refer(manifest.digest, keyBundle(statementOf(manifest.digest), privateKey));
    requireKey(publicKey);
    await expectTaken();
  });

  test('is kept with what tells the key', async () => {
    const { manifest } = judged.push();
    refer(manifest.digest, keyBundle(statementOf(manifest.digest), privateKey));
    requireKey(publicKey);
    const keyDigest = sha256Of(publicKey.export({ format: 'der', type: 'spki' }));
    const signature = { requirement: 'sigstoreSigned', signer: { kind: 'key', keyDigest }, digest: manifest.digest };
    expect((await judged.images().pull(`${app()}:1`)).trust?.signatures).toMatchObject([signature]);
  });

  test('over the very bytes of the manifest lets it in', async () => {
    const { manifest } = judged.push();
    refer(manifest.digest, messageBundle(manifest.bytes, privateKey));
    requireKey(publicKey);
    await expectTaken();
  });

  test('over other bytes does not', async () => {
    const { manifest } = judged.push();
    refer(manifest.digest, messageBundle(Buffer.from('other'), privateKey));
    requireKey(publicKey);
    await expectRefused(/signature verification failed/);
  });

  test('that states the digest of another image does not', async () => {
    const { manifest } = judged.push();
    refer(manifest.digest, keyBundle(statementOf(`sha256:${'2'.repeat(64)}`), privateKey));
    requireKey(publicKey);
    await expectRefused(/another image/);
  });

  test('by another key does not', async () => {
    const { manifest } = judged.push();
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    refer(manifest.digest, keyBundle(statementOf(manifest.digest), other.privateKey));
    requireKey(publicKey);
    await expectRefused(/signature verification failed/);
  });

  test('that states something else of the image is no approval of it', async () => {
    const { manifest } = judged.push();
    const predicateType = 'https://slsa.dev/provenance/v1';
    refer(manifest.digest, keyBundle(statementOf(manifest.digest, { predicateType }), privateKey));
    requireKey(publicKey);
    await expectRefused(/slsa\.dev/);
  });

  test('that names no reference does not meet a policy that wants one', async () => {
    const { manifest } = judged.push();
    refer(manifest.digest, keyBundle(statementOf(manifest.digest), privateKey));
    requireKey(publicKey, { type: 'matchRepository' });
    await expectRefused(/names no image reference/);
    refer(manifest.digest, keyBundle(statementOf(manifest.digest, { name: app() }), privateKey));
    await expectTaken();
  });

  test('does not meet a policy that wants a certificate', async () => {
    const { manifest } = judged.push();
    refer(manifest.digest, keyBundle(statementOf(manifest.digest), privateKey));
    requireSigner();
    await expectRefused(/made with a key/);
  });

  test('that is no bundle is a reason, not a failure', async () => {
    const { manifest } = judged.push();
    refer(manifest.digest, Buffer.from('{"mediaType":"nothing"}'));
    requireKey(publicKey);
    await expectRefused(/no signature of .* is good enough/);
  });
});

/** Both ways in which cosign keeps a signature by certificate. */
const WAYS: readonly (readonly [string, (digest: string, signing?: Signing) => void])[] = [
  ['a bundle', (digest, signing) => refer(digest, sigstore.bundle(statementOf(digest, { name: app() }), signing))],
  [
    'a payload under a tag',
    (digest, signing) => {
      const bytes = payloadOf(digest, app());
      judged.putSignatures(digest, [{ bytes, annotations: sigstore.annotations(bytes, signing) }]);
    },
  ],
];

const BY_CERTIFICATE = [false, true].flatMap((inParts) =>
  WAYS.map(([way, sign]) => [way, inParts ? 'an authority and a log' : 'a trusted root', inParts, sign] as const),
);

describe.each(BY_CERTIFICATE)('%s by a certificate, where the policy names %s', (_way, _policy, inParts, sign) => {
  beforeEach(() => {
    isInParts = inParts;
  });
  afterEach(() => {
    isInParts = false;
  });

  test('of the authority, by the signer whom the policy names, lets an image in', async () => {
    sign(judged.push().manifest.digest);
    requireSigner({ type: 'matchRepository' });
    await expectTaken();
  });

  test('is kept with the name of the signer', async () => {
    sign(judged.push().manifest.digest);
    requireSigner({ type: 'matchRepository' });
    const signer = { kind: 'certificate', subject: SUBJECT, issuer: ISSUER };
    expect((await judged.images().pull(`${app()}:1`)).trust?.signatures).toMatchObject([{ signer }]);
  });

  test('that the log took after its end does not', async () => {
    sign(judged.push().manifest.digest, { loggedAt: new Date('2026-03-05T00:00:00Z') });
    requireSigner();
    await expectRefused(/certificate/i);
  });

  test('of an authority that only calls itself the same does not', async () => {
    sign(judged.push().manifest.digest, { impostor: true });
    requireSigner();
    await expectRefused(/certificate/i);
  });

  test('of somebody else does not', async () => {
    sign(judged.push().manifest.digest, { subject: 'other@example.org' });
    requireSigner();
    await expectRefused(/other@example\.org/);
  });

  test('of a subject that only contains the one of the policy does not', async () => {
    sign(judged.push().manifest.digest, { subject: `evil-${SUBJECT}.example.net` });
    requireSigner();
    await expectRefused(/whom the policy does not name/);
  });

  test('of the same subject as another issuer knows it does not', async () => {
    sign(judged.push().manifest.digest, { issuer: 'https://evil.example.org' });
    requireSigner();
    await expectRefused(/evil\.example\.org/);
  });

  test('that another log has taken does not', async () => {
    sigstore = new LocalSigstore();
    const { manifest } = judged.push();
    sign(manifest.digest);
    sigstore = new LocalSigstore();
    requireSigner();
    await expectRefused(/no signature of .* is good enough/);
  });
});

test.each([
  ['whose certificate comes with the signature lets an image in', 'authority', undefined],
  ['that only calls itself one does not', 'impostor', /certificate/i],
] as const)('an authority between the one of the policy and the signer %s', async (_what, between, why) => {
  isInParts = true;
  const { digest } = judged.push().manifest;
  const bytes = payloadOf(digest, app());
  judged.putSignatures(digest, [{ bytes, annotations: sigstore.annotations(bytes, { between }) }]);
  requireSigner({ type: 'matchRepository' });
  isInParts = false;
  if (why === undefined) await expectTaken();
  else await expectRefused(why);
});

test('a bundle by a certificate does not meet a policy that names keys', async () => {
  const { manifest } = judged.push();
  refer(manifest.digest, sigstore.bundle(statementOf(manifest.digest)));
  requireKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
  await expectRefused(/made with a certificate/);
});

test('a root without a witness of the time is refused with the policy', async () => {
  const root = JSON.parse(sigstore.trustedRoot());
  const trustedRootPath = judged.file('root.json', JSON.stringify({ ...root, tlogs: [] }));
  judged.require({ type: 'sigstoreSigned', trustedRootPath, signers: [{ issuer: ISSUER, subject: SUBJECT }] });
  await expect(judged.trust().open()).rejects.toMatchObject({ code: 'trust.unusableKey' });
});
