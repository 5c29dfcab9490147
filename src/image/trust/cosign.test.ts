import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hostPlatform } from '../../model/platform.ts';
import { buildIndex } from '../built-image.fixture.ts';
import { sha256Of } from '../config-document.ts';
import { OCI_INDEX } from '../media-types.ts';
import { JudgedStore } from './judged-store.fixture.ts';
import { payloadOf } from './local-sigstore.fixture.ts';

let judged: JudgedStore;

beforeEach(async () => {
  judged = await JudgedStore.start();
});

afterEach(async () => {
  await judged.stop();
});

const SIGNATURE = 'dev.cosignproject.cosign/signature';

function ecKey() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'spki' }).toString();
}

/** Signs a payload with a key and keeps it beside the image that `of` names. */
function signed(of: string, payload: Buffer, key: KeyObject): void {
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const annotations = { [SIGNATURE]: sign(hash, payload, key).toString('base64') };
  judged.putSignatures(of, [{ bytes: payload, annotations }]);
}

function requireKey(key: KeyObject, signedIdentity?: object): void {
  const keyPath = judged.file('key.pub', pemOf(key));
  judged.require({ type: 'sigstoreSigned', keyPath, ...(signedIdentity === undefined ? {} : { signedIdentity }) });
}

const app = (): string => `${judged.registry.host}/app`;

async function refused(reference = `${app()}:1`): Promise<Error> {
  const images = judged.images();
  const error = await images.pull(reference).then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error).toMatchObject({ kind: 'permission-denied' });
  expect(await judged.store.files()).toEqual([]);
  expect(await images.list()).toEqual([]);
  return error as Error;
}

describe('an image signed by cosign with a key', () => {
  test.each([
    ['ECDSA', () => ecKey()],
    ['Ed25519', () => generateKeyPairSync('ed25519')],
    ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ])('is taken when the key is the one of the policy, %s', async (_, generate) => {
    const { publicKey, privateKey } = generate();
    const image = judged.push();
    signed(image.manifest.digest, payloadOf(image.manifest.digest, `${app()}:1`), privateKey);
    requireKey(publicKey);
    const { id, trust } = await judged.images().pull(`${app()}:1`);
    expect(id).toBe(image.config.digest);
    const keyDigest = sha256Of(publicKey.export({ format: 'der', type: 'spki' }));
    expect(trust?.signatures).toMatchObject([{ signer: { kind: 'key', keyDigest } }]);
  });

  test('is refused when nobody has signed it, and nothing of it stays', async () => {
    const { publicKey } = ecKey();
    const image = judged.push();
    requireKey(publicKey);
    expect((await refused()).message).toContain(image.manifest.digest);
    expect(judged.registry.countOf(image.layers[0]?.digest ?? '-')).toBe(0);
  });

  test('is refused when another key has signed it', async () => {
    const image = judged.push();
    signed(image.manifest.digest, payloadOf(image.manifest.digest, `${app()}:1`), ecKey().privateKey);
    requireKey(ecKey().publicKey);
    expect((await refused()).message).toContain('none of the keys');
  });

  test('is refused with the signature of another image', async () => {
    const { publicKey, privateKey } = ecKey();
    const other = judged.push('other', 'app', '2');
    const image = judged.push();
    signed(image.manifest.digest, payloadOf(other.manifest.digest, `${app()}:1`), privateKey);
    requireKey(publicKey);
    expect((await refused()).message).toContain(`it is of ${other.manifest.digest}`);
  });

  test('is refused with a signature of the same image under another name', async () => {
    const { publicKey, privateKey } = ecKey();
    const image = judged.push();
    signed(image.manifest.digest, payloadOf(image.manifest.digest, `${judged.registry.host}/other:1`), privateKey);
    requireKey(publicKey);
    expect((await refused()).message).toContain(`not for ${app()}:1`);
  });

  test('is refused under another tag than the one that was signed, unless the repository is enough', async () => {
    const { publicKey, privateKey } = ecKey();
    const image = judged.push();
    signed(image.manifest.digest, payloadOf(image.manifest.digest, `${app()}:2`), privateKey);
    requireKey(publicKey);
    await refused();
    requireKey(publicKey, { type: 'matchRepository' });
    expect((await judged.images().pull(`${app()}:1`)).id).toBe(image.config.digest);
  });

  test('is refused when the payload was swapped under the signature', async () => {
    const { publicKey, privateKey } = ecKey();
    const image = judged.push();
    const other = payloadOf(`sha256:${'1'.repeat(64)}`, `${app()}:1`);
    const annotations = { [SIGNATURE]: sign('sha256', other, privateKey).toString('base64') };
    const bytes = payloadOf(image.manifest.digest, `${app()}:1`);
    judged.putSignatures(image.manifest.digest, [{ bytes, annotations }]);
    requireKey(publicKey);
    await refused();
  });

  test('is taken when one signature of several is good', async () => {
    const { publicKey, privateKey } = ecKey();
    const image = judged.push();
    const bytes = payloadOf(image.manifest.digest, `${app()}:1`);
    const of = (key: KeyObject) => ({
      bytes,
      annotations: { [SIGNATURE]: sign('sha256', bytes, key).toString('base64') },
    });
    judged.putSignatures(image.manifest.digest, [of(ecKey().privateKey), { bytes }, of(privateKey)]);
    requireKey(publicKey);
    expect((await judged.images().pull(`${app()}:1`)).id).toBe(image.config.digest);
  });

  test('is refused from the moment when its key is no longer in the policy', async () => {
    const { publicKey, privateKey } = ecKey();
    const image = judged.push();
    signed(image.manifest.digest, payloadOf(image.manifest.digest, `${app()}:1`), privateKey);
    requireKey(publicKey);
    const images = judged.images();
    await images.pull(`${app()}:1`);
    judged.file('key.pub', pemOf(ecKey().publicKey));
    await expect(images.pull(`${app()}:1`)).rejects.toMatchObject({ code: 'trust.untrusted' });
  });
});

describe('of an index', () => {
  function pushIndex(...images: readonly ReturnType<JudgedStore['push']>[]): string {
    const index = buildIndex(images.map((image) => ({ image, platform: hostPlatform() })));
    judged.registry.put('/v2/app/manifests/1', index, OCI_INDEX);
    return sha256Of(index);
  }

  test('a signature of the index is enough, for it names the manifest', async () => {
    const { publicKey, privateKey } = ecKey();
    const image = judged.push('content', 'app', 'amd');
    const digest = pushIndex(image);
    signed(digest, payloadOf(digest, `${app()}:1`), privateKey);
    requireKey(publicKey);
    expect((await judged.images().pull(`${app()}:1`)).id).toBe(image.config.digest);
  });

  test('a signature of the manifest is enough', async () => {
    const { publicKey, privateKey } = ecKey();
    const image = judged.push('content', 'app', 'amd');
    pushIndex(image);
    signed(image.manifest.digest, payloadOf(image.manifest.digest, `${app()}:1`), privateKey);
    requireKey(publicKey);
    expect((await judged.images().pull(`${app()}:1`)).id).toBe(image.config.digest);
  });

  test('the signature of one manifest does not cover another one that the index chooses', async () => {
    const { publicKey, privateKey } = ecKey();
    const good = judged.push('good', 'app', 'good');
    const evil = judged.push('evil', 'app', 'evil');
    pushIndex(evil, good);
    signed(good.manifest.digest, payloadOf(good.manifest.digest, `${app()}:1`), privateKey);
    requireKey(publicKey);
    await refused();
  });

  test('an old image that was signed under another tag does not come in by an index of this one', async () => {
    const { publicKey, privateKey } = ecKey();
    const old = judged.push('old', 'app', 'old');
    pushIndex(old);
    signed(old.manifest.digest, payloadOf(old.manifest.digest, `${app()}:old`), privateKey);
    requireKey(publicKey);
    expect((await refused()).message).toContain(`not for ${app()}:1`);
  });
});

describe('a demand for a signature', () => {
  test('is refused where the policy names nobody who could sign', async () => {
    judged.push();
    judged.require({ type: 'insecureAcceptAnything' });
    const images = judged.images();
    await expect(images.pull(`${app()}:1`, { requireSignature: true })).rejects.toMatchObject({
      code: 'trust.nothingSigns',
    });
    expect(await judged.store.files()).toEqual([]);
    await images.pull(`${app()}:1`);
  });

  test('is met by a signature that the policy wants anyway', async () => {
    const { publicKey, privateKey } = ecKey();
    const image = judged.push();
    signed(image.manifest.digest, payloadOf(image.manifest.digest, `${app()}:1`), privateKey);
    requireKey(publicKey);
    await judged.images().pull(`${app()}:1`, { requireSignature: true });
  });
});
