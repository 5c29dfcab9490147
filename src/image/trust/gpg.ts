import { type PayloadType, parsePayload, type SignedClaim } from './claim.ts';

type Library = typeof import('./libraries/openpgp.ts');
type KeyRing = Awaited<ReturnType<Library['readKeys']>>;

const PAYLOAD: PayloadType = 'atomic container signature';
/** A payload is some hundred bytes; a message that unpacks to more is made to fill memory. */
const MAX_MESSAGE_BYTES = 64 * 1024;

/** Reads a key ring, as `gpg --export` writes it, armoured or not. @throws what is wrong with it */
export async function readKeyRing(bytes: Uint8Array): Promise<KeyRing> {
  const { readKeys } = await import('./libraries/openpgp.ts');
  const text = Buffer.from(bytes).toString('latin1');
  const keys = text.trimStart().startsWith('-----BEGIN')
    ? await readKeys({ armoredKeys: text })
    : await readKeys({ binaryKeys: Uint8Array.from(bytes) });
  if (keys.length === 0) throw new Error('it holds no key');
  if (keys.some((key) => key.isPrivate())) {
    throw new Error('it holds a private key: give what gpg --export writes, and keep the private one with who signs');
  }
  return keys;
}

/**
 * Verifies a signed OpenPGP message and reads what it says.
 *
 * @param rings keys that may sign; one that is revoked or past its time now may not, whenever it signed
 * @throws an error whose message says why the signature does not count
 */
export async function verifyGpgSignature(
  bytes: Uint8Array,
  { rings, nowMs }: { readonly rings: readonly KeyRing[]; readonly nowMs: number },
): Promise<SignedClaim> {
  const { config: defaults, readMessage, verify } = await import('./libraries/openpgp.ts');
  const config = { ...defaults, maxDecompressedMessageSize: MAX_MESSAGE_BYTES };
  const message = await readMessage({ binaryMessage: Uint8Array.from(bytes), config });
  const date = new Date(nowMs);
  const verificationKeys = rings.flat();
  const { data, signatures } = await verify({ message, verificationKeys, format: 'binary', date, config });
  const [signature, ...others] = signatures;
  // Of several signatures, one could speak for keys that the others do not have.
  if (signature === undefined || others.length > 0) throw new Error(`it has ${signatures.length} signatures, not one`);
  await signature.verified;
  const signers = verificationKeys.filter((key) => key.getKeys(signature.keyID).length > 0);
  for (const key of signers) await key.getSigningKey(signature.keyID, date);
  const [signer] = signers;
  if (signer === undefined) throw new Error('it is by none of the keys that the policy names');
  const claim = parsePayload(data as Uint8Array, PAYLOAD, (reason) => {
    throw new Error(reason);
  });
  return { ...claim, signer: { kind: 'gpg', fingerprint: signer.getFingerprint() } };
}
