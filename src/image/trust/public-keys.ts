import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { ImageSigner } from '../../model/trust-verdict.ts';
import { sha256Of } from '../config-document.ts';

/** Node would take the public half of it without a word. */
const PRIVATE = 'it is a private key: give the public one, and keep the private one with who signs';

/**
 * A public key as PEM or DER (SubjectPublicKeyInfo), as cosign writes them: ECDSA, Ed25519 or RSA.
 *
 * @throws what is wrong with it
 */
export function readPublicKey(bytes: Uint8Array): KeyObject {
  const text = Buffer.from(bytes);
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text.toString('latin1'))) throw new Error(PRIVATE);
  const isPem = text.includes('-----BEGIN');
  const key = isPem ? createPublicKey(text) : createPublicKey({ key: text, format: 'der', type: 'spki' });
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type !== 'ec' && type !== 'ed25519' && type !== 'rsa') throw new Error(`a key of type ${type} signs no images`);
  const bits = details?.modulusLength;
  if (type === 'rsa' && (bits === undefined || bits < 2048)) throw new Error(`an RSA key of ${bits} bits is too short`);
  return key;
}

/** Whether `key` has signed these bytes, with the hash that cosign takes for its kind. */
export function hasSigned(key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  try {
    return verify(hash, bytes, key, signature);
  } catch {
    return false; // a signature that is not even shaped like one
  }
}

/** A key as those know it who look at what it signed. */
export function signerOf(key: KeyObject): ImageSigner {
  return { kind: 'key', keyDigest: sha256Of(key.export({ format: 'der', type: 'spki' })) };
}
