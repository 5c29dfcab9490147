import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey } from 'openpgp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import type { TrustPolicy } from './policy.ts';
import { checkKeys } from './trusted-keys.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'isopod-keys-'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const path = (): string => join(root, 'key');
const identity = { kind: 'match-exact' } as const;
const check = (requirement: TrustPolicy['default'][number]): Promise<void> =>
  checkKeys(nodeEffects().files, { default: [requirement], transports: new Map() });

test.each([
  ['PKCS#8', () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })],
  ['SEC1', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' })],
  [
    'cosign',
    () => '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nQUJD\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n',
  ],
])('a private key of %s in the place of a public one is refused by name', async (_, made) => {
  writeFileSync(path(), made());
  const keys = [{ kind: 'file', path: path() }] as const;
  await expect(
    check({ kind: 'sigstore', keys, root: undefined, authority: undefined, logs: [], identity }),
  ).rejects.toMatchObject({
    code: 'trust.unusableKey',
    message: expect.stringContaining(`${path()} of the trust policy cannot be used: it is a private key`),
  });
});

const userIDs = [{ name: 'Builder' }];
test.each([
  ['armoured', async () => (await generateKey({ userIDs, format: 'armored' })).privateKey],
  ['binary', async () => (await generateKey({ userIDs, format: 'binary' })).privateKey],
])('a ring of private GPG keys (%s) is refused by name', async (_, made) => {
  writeFileSync(path(), await made());
  const keyRings = [{ kind: 'file', path: path() }] as const;
  await expect(check({ kind: 'gpg', keyRings, lookaside: undefined, identity })).rejects.toMatchObject({
    code: 'trust.unusableKey',
    message: expect.stringContaining('it holds a private key'),
  });
});
