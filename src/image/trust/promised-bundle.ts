import { createHash, X509Certificate } from 'node:crypto';
import { asObject, asString, parseJsonObject, type Refuse } from '../json-fields.ts';
import type { FoundSignature } from './found-signature.ts';

/**
 * A signature that cosign made and a log has seen, as the sigstore bundle that a newer cosign would have written: its log
 * entry is a promise, signed by the log (cosign's SIGNATURE_SPEC.md, "dev.sigstore.cosign/bundle").
 */
export function promisedBundle(
  { payload, signature, certificate, promise }: Extract<FoundSignature, { readonly kind: 'cosign' }>,
  by: 'certificate' | 'key',
  refuse: Refuse,
): object {
  if (promise === undefined) return refuse('it has no promise of a transparency log');
  const signer = by === 'key' ? { publicKey: { hint: '' } } : certified(certificate, refuse);
  const document = parseJsonObject(Buffer.from(promise), refuse);
  const entry = asObject(document.Payload, 'Payload', refuse);
  const canonicalizedBody = asString(entry.body, 'Payload.body', refuse);
  const { kind, apiVersion } = parseJsonObject(Buffer.from(canonicalizedBody, 'base64'), refuse);
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1',
    verificationMaterial: {
      ...signer,
      tlogEntries: [
        {
          logIndex: wholeNumber(entry.logIndex, 'Payload.logIndex', refuse),
          logId: { keyId: Buffer.from(asString(entry.logID, 'Payload.logID', refuse), 'hex').toString('base64') },
          kindVersion: { kind, version: apiVersion },
          integratedTime: wholeNumber(entry.integratedTime, 'Payload.integratedTime', refuse),
          inclusionPromise: {
            signedEntryTimestamp: asString(document.SignedEntryTimestamp, 'SignedEntryTimestamp', refuse),
          },
          canonicalizedBody,
        },
      ],
    },
    messageSignature: {
      messageDigest: { algorithm: 'SHA2_256', digest: createHash('sha256').update(payload).digest('base64') },
      signature: Buffer.from(signature).toString('base64'),
    },
  };
}

function certified(certificate: string | undefined, refuse: Refuse): object {
  if (certificate === undefined) return refuse('it has no certificate, and the policy names who gives them');
  return { x509CertificateChain: { certificates: [{ rawBytes: derOf(certificate, refuse) }] } };
}

function derOf(pem: string, refuse: Refuse): string {
  try {
    return new X509Certificate(pem).raw.toString('base64');
  } catch {
    return refuse('its certificate is not one');
  }
}

/** As protobuf's JSON writes 64-bit numbers. */
function wholeNumber(value: unknown, what: string, refuse: Refuse): string {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    refuse(`${what} is ${JSON.stringify(value)}`);
  return String(value);
}
