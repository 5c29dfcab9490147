import { type KeyObject, X509Certificate } from 'node:crypto';
import { digestHex } from '../../model/digest.ts';
import { sha256Of } from '../config-document.ts';
import { readPublicKey } from './public-keys.ts';

type TrustedRoot = ReturnType<typeof import('./libraries/sigstore.ts').TrustedRoot.fromJSON>;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
/** Of the sigstore library: which says here only that a key is a SubjectPublicKeyInfo. */
const KEY_DETAILS = 'PKIX_ECDSA_P256_SHA_256';

/** More authorities than this between a signer and a root are not looked at. */
const MAX_BETWEEN = 8;

/** Reads the certificates of authorities as PEM. @throws what is wrong with them */
export function readAuthorities(bytes: Uint8Array): readonly X509Certificate[] {
  const found = certificatesIn(Buffer.from(bytes).toString('latin1'));
  if (found.length === 0) throw new Error('it holds no certificate in PEM');
  const other = found.find(({ ca }) => !ca);
  if (other !== undefined) throw new Error(`the certificate of ${oneLine(other.subject)} is none of an authority`);
  return found;
}

/**
 * What a policy trusts, with those of a signature's chain that it leads to: each is an authority whose certificate one of the
 * others has signed. What else a signer sends is left out, for whatever is in the result is trusted.
 */
export function withIntermediates(trusted: readonly X509Certificate[], chain: string): readonly X509Certificate[] {
  const known = [...trusted];
  let left = certificatesIn(chain)
    .slice(0, MAX_BETWEEN)
    .filter(({ ca }) => ca);
  for (let before = -1; before !== known.length; ) {
    before = known.length;
    const next = left.filter((one) => known.some((issuer) => one.checkIssued(issuer) && one.verify(issuer.publicKey)));
    known.push(...next);
    left = left.filter((one) => !next.includes(one));
  }
  return known;
}

function certificatesIn(pem: string): readonly X509Certificate[] {
  return (pem.match(CERTIFICATE) ?? []).map((one) => new X509Certificate(one));
}

/** Reads the public key of a transparency log. @throws what is wrong with it */
export function readLogKey(bytes: Uint8Array): KeyObject {
  const key = readPublicKey(bytes);
  if (key.asymmetricKeyType !== 'ec')
    throw new Error(`a key of type ${key.asymmetricKeyType} is none of a log: those are ECDSA`);
  return key;
}

/** What a policy names in parts (containers-policy.json(5), `fulcio` and `rekorPublicKey…`), as a sigstore trusted root. */
export async function assembledRoot(
  authorities: readonly X509Certificate[],
  logKeys: readonly KeyObject[],
): Promise<TrustedRoot> {
  const { TrustedRoot } = await import('./libraries/sigstore.ts');
  const certificates = authorities.map(({ raw }) => ({ rawBytes: raw.toString('base64') }));
  return TrustedRoot.fromJSON({
    tlogs: logKeys.map((key) => {
      const spki = key.export({ format: 'der', type: 'spki' });
      return {
        publicKey: { rawBytes: spki.toString('base64'), keyDetails: KEY_DETAILS },
        // A log is known by the hash of its key (RFC 6962 §3.2).
        logId: { keyId: Buffer.from(digestHex(sha256Of(spki)), 'hex').toString('base64') },
      };
    }),
    certificateAuthorities: certificates.length === 0 ? [] : [{ certChain: { certificates } }],
  });
}

function oneLine(subject: string): string {
  return subject.replaceAll('\n', ', ');
}
