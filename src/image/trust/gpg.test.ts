import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createMessage, generateKey, type PrivateKey, type PublicKey, readPrivateKey, revokeKey, sign } from 'openpgp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JudgedStore } from './judged-store.fixture.ts';
import { payloadOf } from './local-sigstore.fixture.ts';

const DAY_MS = 86_400_000;
const SIGNED = 'atomic container signature';
const { signal } = new AbortController();

let judged: JudgedStore;
/** By so much our clock is ahead of that of who signs. */
let aheadMs: number;

beforeEach(async () => {
  aheadMs = 1_000;
  judged = await JudgedStore.start(() => Date.now() + aheadMs);
});

afterEach(async () => {
  await judged.stop();
});

interface Pair {
  readonly privateKey: PrivateKey;
  readonly publicKey: PublicKey;
}

function makeKey(expiresInSeconds = 0): Promise<Pair> {
  return generateKey({
    userIDs: [{ name: 'Builder', email: 'builder@example.org' }],
    keyExpirationTime: expiresInSeconds,
    format: 'object',
  });
}

const app = (): string => `${judged.registry.host}/app`;

async function message(payload: Buffer, ...signingKeys: readonly PrivateKey[]): Promise<Uint8Array> {
  return sign({
    message: await createMessage({ binary: Uint8Array.from(payload) }),
    signingKeys: [...signingKeys],
    format: 'binary',
  });
}

/** Lays a signature where a lookaside has it. */
function lay(digest: string, signature: Uint8Array, number = 1): void {
  const directory = join(judged.place.root, 'lookaside', `app@${digest.replace(':', '=')}`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `signature-${number}`), signature);
}

function requireRing(ring: string | Uint8Array, more: object = {}): void {
  const keyPath = judged.file('ring.gpg', ring);
  const lookaside = `file://${judged.place.root}/lookaside`;
  judged.require({ type: 'signedBy', keyType: 'GPGKeys', keyPath, lookaside, ...more });
}

async function expectRefused(why: RegExp): Promise<void> {
  await expect(judged.images().pull(`${app()}:1`)).rejects.toMatchObject({
    kind: 'permission-denied',
    message: expect.stringMatching(why),
  });
  expect(await judged.store.files()).toEqual([]);
}

describe('an image signed with GPG', () => {
  test('is taken when a key of the ring has signed it, armoured or not', async () => {
    const { privateKey, publicKey } = await makeKey();
    const { manifest } = judged.push();
    lay(manifest.digest, await message(payloadOf(manifest.digest, `${app()}:1`, SIGNED), privateKey));
    requireRing(publicKey.armor());
    await judged.images().pull(`${app()}:1`);
    requireRing(publicKey.write());
    await judged.images().pull(`${app()}:1`);
  });

  test('is kept with the key, the digest, the name and the scope by which it was taken', async () => {
    const { privateKey, publicKey } = await makeKey();
    const { manifest } = judged.push();
    lay(manifest.digest, await message(payloadOf(manifest.digest, `${app()}:1`, SIGNED), privateKey));
    requireRing(publicKey.armor());
    const images = judged.images();
    const { id } = await images.pull(`${app()}:1`);
    const signature = {
      requirement: 'signedBy',
      signer: { kind: 'gpg', fingerprint: publicKey.getFingerprint() },
      ...{ digest: manifest.digest, reference: `${app()}:1`, where: expect.stringContaining('signature-1') },
    };
    const trust = { scope: `docker: "${judged.registry.host}"`, signatures: [signature] };
    await images.tag(id, 'example.org/tagged:1');
    await images.upkeep.verify({ images: [], repair: true }, { inUse: () => new Set(), signal });
    expect(await images.find(id)).toMatchObject({ trust });
    expect(await judged.images().find(id)).toMatchObject({ trust });
  });

  test('is refused when there is no signature', async () => {
    const { publicKey } = await makeKey();
    judged.push();
    requireRing(publicKey.armor());
    await expectRefused(/there is none/);
  });

  test('is refused when a key outside the ring has signed it', async () => {
    const [ours, other] = await Promise.all([makeKey(), makeKey()]);
    const { manifest } = judged.push();
    lay(manifest.digest, await message(payloadOf(manifest.digest, `${app()}:1`, SIGNED), other.privateKey));
    requireRing(ours.publicKey.armor());
    await expectRefused(/key/i);
  });

  test('is refused with the signature of another image or another name', async () => {
    const { privateKey, publicKey } = await makeKey();
    const other = judged.push('other', 'app', 'other');
    const { manifest } = judged.push();
    lay(manifest.digest, await message(payloadOf(other.manifest.digest, `${app()}:1`, SIGNED), privateKey));
    lay(manifest.digest, await message(payloadOf(manifest.digest, 'elsewhere.example/app:1', SIGNED), privateKey), 2);
    requireRing(publicKey.armor());
    await expectRefused(/another image; .*it is for elsewhere\.example\/app:1/);
  });

  test('is refused when two keys have signed one message', async () => {
    const [ours, other] = await Promise.all([makeKey(), makeKey()]);
    const { manifest } = judged.push();
    const payload = payloadOf(manifest.digest, `${app()}:1`, SIGNED);
    lay(manifest.digest, await message(payload, ours.privateKey, other.privateKey));
    requireRing(ours.publicKey.armor());
    await expectRefused(/2 signatures, not one/);
  });

  test('is refused once the key is revoked, though it signed before that', async () => {
    const pair = await generateKey({ userIDs: [{ name: 'Builder' }], format: 'armored' });
    const { manifest } = judged.push();
    const privateKey = await readPrivateKey({ armoredKey: pair.privateKey });
    lay(manifest.digest, await message(payloadOf(manifest.digest, `${app()}:1`, SIGNED), privateKey));
    requireRing(pair.publicKey);
    await judged.images().pull(`${app()}:1`);
    const revoked = await revokeKey({ key: privateKey.toPublic(), revocationCertificate: pair.revocationCertificate });
    requireRing(revoked.publicKey);
    await expect(judged.images().pull(`${app()}:1`)).rejects.toMatchObject({
      message: expect.stringMatching(/revoked/),
    });
  });

  test('is refused once the key is past its time', async () => {
    const { privateKey, publicKey } = await makeKey(DAY_MS / 1000);
    const { manifest } = judged.push();
    lay(manifest.digest, await message(payloadOf(manifest.digest, `${app()}:1`, SIGNED), privateKey));
    requireRing(publicKey.armor());
    aheadMs = 2 * DAY_MS;
    await expectRefused(/expired/);
  });

  test('is refused with a payload of cosign in the message', async () => {
    const { privateKey, publicKey } = await makeKey();
    const { manifest } = judged.push();
    lay(manifest.digest, await message(payloadOf(manifest.digest, `${app()}:1`), privateKey));
    requireRing(publicKey.armor());
    await expectRefused(/its type is "cosign container image signature"/);
  });

  test('is taken by a signature for the reference that the policy names', async () => {
    const { privateKey, publicKey } = await makeKey();
    const { manifest } = judged.push();
    lay(manifest.digest, await message(payloadOf(manifest.digest, 'registry.example/app:stable', SIGNED), privateKey));
    requireRing(publicKey.armor(), {
      signedIdentity: { type: 'exactReference', dockerReference: 'registry.example/app:stable' },
    });
    await judged.images().pull(`${app()}:1`);
  });

  test('that is no message at all is refused with its reason', async () => {
    const { publicKey } = await makeKey();
    const { manifest } = judged.push();
    lay(manifest.digest, Buffer.from('no message'));
    requireRing(publicKey.armor());
    await expectRefused(/signature-1: /);
  });
});

test('a ring that is none is refused with the policy', async () => {
  requireRing('nothing');
  await expect(judged.trust().open()).rejects.toMatchObject({ code: 'trust.unusableKey', kind: 'failed-precondition' });
});

describe('a lookaside on the web', () => {
  async function serve<Result>(
    answer: (path: string) => { status: number; body?: Uint8Array },
    work: (url: string) => Promise<Result>,
  ): Promise<Result> {
    const server = createServer((request, response) => {
      const { status, body } = answer(request.url ?? '');
      response.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  test('must be reached by https', async () => {
    const { publicKey } = await makeKey();
    requireRing(publicKey.armor(), { lookaside: 'http://127.0.0.1/' });
    await expect(judged.trust().open()).rejects.toMatchObject({ code: 'trust.malformedPolicy' });
  });

  test('that does not answer is an error of its own, and the image stays outside', async () => {
    const { publicKey } = await makeKey();
    judged.push();
    await serve(
      () => ({ status: 500 }),
      async (url) => {
        requireRing(publicKey.armor(), { lookaside: url.replace('http:', 'https:') });
        await expect(judged.images().pull(`${app()}:1`)).rejects.toMatchObject({ kind: 'unavailable' });
      },
    );
    expect(await judged.store.files()).toEqual([]);
  });
});
