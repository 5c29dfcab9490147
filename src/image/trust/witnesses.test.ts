import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JudgedStore } from './judged-store.fixture.ts';
import { ISSUER, LocalSigstore, payloadOf, SUBJECT } from './local-sigstore.fixture.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let judged: JudgedStore;
let sigstore: LocalSigstore;
beforeEach(async () => {
  judged = await JudgedStore.start();
  sigstore = new LocalSigstore();
});
afterEach(() => judged.stop());

const app = (): string => `${judged.registry.host}/app:1`;
const pemOf = (key: KeyObject): string => key.export({ format: 'pem', type: 'spki' }).toString();

/** A policy that names the key and a log, and an image whose payload bears these annotations. */
function signed(annotationsOf: (payload: Buffer) => Readonly<Record<string, string>>): void {
  const { digest } = judged.push().manifest;
  const bytes = payloadOf(digest, app());
  judged.putSignatures(digest, [{ bytes, annotations: annotationsOf(bytes) }]);
  const { logKey } = sigstore.parts();
  judged.require({
    type: 'sigstoreSigned',
    keyPath: judged.file('key.pub', pemOf(publicKey)),
    rekorPublicKeyData: Buffer.from(logKey).toString('base64'),
  });
}

async function refusal(): Promise<unknown> {
  return judged
    .images()
    .pull(app())
    .catch((error: Error) => error.message);
}

test('a signature by the key that the log of the policy has seen lets an image in', async () => {
  signed((payload) => sigstore.keyAnnotations(payload, privateKey));
  expect((await judged.images().pull(app())).trust?.signatures).toMatchObject([{ signer: { kind: 'key' } }]);
});

test('a signature by the key that no log has seen does not, where the policy names one', async () => {
  signed((payload) => ({
    'dev.cosignproject.cosign/signature': sign('sha256', payload, privateKey).toString('base64'),
  }));
  expect(await refusal()).toContain('no promise of a transparency log');
});

test('a signature by the key that another log has seen does not', async () => {
  signed((payload) => new LocalSigstore().keyAnnotations(payload, privateKey));
  expect(await refusal()).toMatch(/no signature of .* is good enough/);
});

test('a signature by another key that the log has seen does not', async () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  signed((payload) => sigstore.keyAnnotations(payload, other.privateKey));
  expect(await refusal()).toMatch(/no signature of .* is good enough/);
});

test('what the log has seen of another payload does not', async () => {
  signed((payload) => {
    const seen = sigstore.keyAnnotations(Buffer.from('other'), privateKey);
    const own = sign('sha256', payload, privateKey).toString('base64');
    return { ...seen, 'dev.cosignproject.cosign/signature': own };
  });
  expect(await refusal()).toMatch(/no signature of .* is good enough/);
});

test.each([
  [
    'an authority that is a key',
    (): object => ({ caPath: judged.file('ca.pem', sigstore.parts().logKey) }),
    /no certificate/,
  ],
  ['an authority that is not there', (): object => ({ caPath: '/nowhere/ca.pem' }), /ENOENT/],
])('a policy is refused that names %s', async (_what, fulcio, why) => {
  const rekorPublicKeyPath = judged.file('log.pem', sigstore.parts().logKey);
  const named = { ...fulcio(), oidcIssuer: ISSUER, subjectEmail: SUBJECT };
  judged.require({ type: 'sigstoreSigned', fulcio: named, rekorPublicKeyPath });
  await expect(judged.trust().open()).rejects.toMatchObject({
    code: 'trust.unusableKey',
    message: expect.stringMatching(why),
  });
});

test('a policy is refused whose log has a key that is none of a log', async () => {
  const { publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rekorPublicKeyPath = judged.file('log.pem', pemOf(rsa));
  judged.require({ type: 'sigstoreSigned', keyPath: judged.file('key.pub', pemOf(publicKey)), rekorPublicKeyPath });
  await expect(judged.trust().open()).rejects.toMatchObject({
    code: 'trust.unusableKey',
    message: expect.stringContaining('none of a log'),
  });
});
