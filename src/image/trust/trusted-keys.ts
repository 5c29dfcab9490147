import type { KeyObject } from 'node:crypto';
import type { Files } from '../../base/effects.ts';
import { assembledRoot, readAuthorities, readLogKey } from './assembled-root.ts';
import { type BundleTrust, readTrustedRoot } from './bundle.ts';
import { trustErrors } from './errors.ts';
import { readKeyRing } from './gpg.ts';
import type { KeySource, SignatureRequirement, TrustPolicy } from './policy.ts';
import { readBounded } from './policy-files.ts';
import { readPublicKey } from './public-keys.ts';

const MAX_KEY_BYTES = 4 << 20;

/** The keys of a requirement, read anew, so that one that was taken away counts no more. */
export async function bundleTrustOf(
  files: Files,
  { keys, root, authority, logs }: Extract<SignatureRequirement, { readonly kind: 'sigstore' }>,
): Promise<BundleTrust> {
  if (root !== undefined) {
    const file = await usable(files, root.file, readTrustedRoot);
    return { kind: 'root', root: file, signers: root.signers };
  }
  const logKeys = await Promise.all(logs.map((source) => usable(files, source, async (bytes) => readLogKey(bytes))));
  if (authority !== undefined) {
    const authorities = await usable(files, authority.certificates, async (bytes) => readAuthorities(bytes));
    const assembled = await assembledRoot(authorities, logKeys);
    return { kind: 'root', root: assembled, signers: [authority.signer], parts: { authorities, logKeys } };
  }
  const witnesses = logKeys.length === 0 ? undefined : await assembledRoot([], logKeys);
  return { kind: 'keys', keys: await publicKeysOf(files, keys), witnesses };
}

export async function keyRingsOf(
  files: Files,
  { keyRings }: Extract<SignatureRequirement, { readonly kind: 'gpg' }>,
): Promise<Awaited<ReturnType<typeof readKeyRing>>[]> {
  return Promise.all(keyRings.map((source) => usable(files, source, readKeyRing)));
}

/** Whether every key of a policy can be read and is one. @throws {EngineError} `trust.unusableKey` */
export async function checkKeys(files: Files, policy: TrustPolicy): Promise<void> {
  const lists = [policy.default, ...[...policy.transports.values()].flatMap((scopes) => [...scopes.values()])];
  for (const requirement of lists.flat()) {
    if (requirement.kind === 'gpg') await keyRingsOf(files, requirement);
    if (requirement.kind === 'sigstore') await bundleTrustOf(files, requirement);
  }
}

function publicKeysOf(files: Files, sources: readonly KeySource[]): Promise<readonly KeyObject[]> {
  return Promise.all(sources.map((source) => usable(files, source, async (bytes) => readPublicKey(bytes))));
}

async function usable<Key>(files: Files, source: KeySource, parse: (bytes: Uint8Array) => Promise<Key>): Promise<Key> {
  const what = source.kind === 'file' ? source.path : 'key data';
  try {
    return await parse(source.kind === 'file' ? await readBounded(files, source.path, MAX_KEY_BYTES) : source.bytes);
  } catch (error) {
    throw trustErrors.unusableKey({ what, reason: (error as Error).message }, error);
  }
}
