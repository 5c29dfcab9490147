import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { certificate, EXTENSIONS, pem } from './der.fixture.ts';

const DAY_MS = 86_400_000;
const LOG_NAME = 'log.example';

/** Who signs with a certificate, and when. */
export interface Signing {
  readonly subject?: string;
  readonly issuer?: string;
  /** What the transparency log says; default a minute after the certificate was made. */
  readonly loggedAt?: Date;
  /** Made by another authority that calls itself the same. */
  readonly impostor?: boolean;
}

export const SUBJECT = 'builder@example.org';
export const ISSUER = 'https://login.example.org';

/** A certificate authority and a transparency log of a test's own: all that sigstore is, offline. */
export class LocalSigstore {
  readonly #authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #log = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #madeAt = new Date('2026-03-04T05:06:07Z');

  /** What a policy names as its root. */
  trustedRoot(): string {
    const validFor = { start: '2020-01-01T00:00:00Z' };
    return JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: [
        {
          baseUrl: `https://${LOG_NAME}`,
          hashAlgorithm: 'SHA2_256',
          publicKey: { rawBytes: spki(this.#log.publicKey), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor },
          logId: { keyId: this.#logId().toString('base64') },
        },
      ],
      certificateAuthorities: [
        {
          subject: { organization: 'example', commonName: 'root' },
          uri: 'https://ca.example',
          certChain: { certificates: [{ rawBytes: this.#root().toString('base64') }] },
          validFor,
        },
      ],
      ctlogs: [],
      timestampAuthorities: [],
    });
  }

  /** As cosign 2 keeps a signature of a payload: annotations beside it. */
  annotations(payload: Buffer, signing: Signing = {}): Readonly<Record<string, string>> {
    const { leaf, key } = this.#leaf(signing);
    const signature = sign('sha256', payload, key);
    const spec = {
      data: { hash: { algorithm: 'sha256', value: sha256(payload).toString('hex') } },
      signature: { content: signature.toString('base64'), publicKey: { content: base64(pem(leaf)) } },
    };
    const { entry, promise } = this.#logged({ apiVersion: '0.0.1', kind: 'hashedrekord', spec }, signing);
    return {
      'dev.cosignproject.cosign/signature': signature.toString('base64'),
      'dev.sigstore.cosign/certificate': pem(leaf),
      'dev.sigstore.cosign/bundle': JSON.stringify({ SignedEntryTimestamp: promise, Payload: entry }),
    };
  }

  /** As cosign 3 keeps a statement: a bundle with a log entry that proves its place in the log. */
  bundle(statement: Buffer, signing: Signing = {}): Buffer {
    const { leaf, key } = this.#leaf(signing);
    const envelope = sealed(statement, key);
    const spec = {
      payloadHash: { algorithm: 'sha256', value: sha256(statement).toString('hex') },
      signatures: [{ signature: envelope.signatures[0]?.sig, verifier: base64(pem(leaf)) }],
    };
    const { entry, promise } = this.#logged({ apiVersion: '0.0.1', kind: 'dsse', spec }, signing);
    return json({
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: {
        certificate: { rawBytes: leaf.toString('base64') },
        tlogEntries: [
          {
            logIndex: '0',
            logId: { keyId: this.#logId().toString('base64') },
            kindVersion: { kind: 'dsse', version: '0.0.1' },
            integratedTime: String(entry.integratedTime),
            inclusionPromise: { signedEntryTimestamp: promise },
            inclusionProof: this.#proof(Buffer.from(entry.body, 'base64')),
            canonicalizedBody: entry.body,
          },
        ],
      },
      dsseEnvelope: envelope,
    });
  }

  #leaf({ subject = SUBJECT, issuer = ISSUER, impostor = false }: Signing): { leaf: Buffer; key: KeyObject } {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const authority = impostor ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : this.#authority;
    const leaf = certificate({
      serial: 2,
      issuer: 'root',
      subject: undefined,
      from: this.#madeAt,
      to: new Date(this.#madeAt.getTime() + 10 * 60_000),
      publicKey,
      extensions: EXTENSIONS.signer(subject, issuer),
      signer: authority.privateKey,
    });
    return { leaf, key: privateKey };
  }

  #root(): Buffer {
    return certificate({
      serial: 1,
      issuer: 'root',
      subject: 'root',
      from: new Date(this.#madeAt.getTime() - 1000 * DAY_MS),
      to: new Date(this.#madeAt.getTime() + 1000 * DAY_MS),
      publicKey: this.#authority.publicKey,
      extensions: EXTENSIONS.authority,
      signer: this.#authority.privateKey,
    });
  }

  #logged(body: object, { loggedAt }: Signing): { entry: LogEntry; promise: string } {
    const at = loggedAt ?? new Date(this.#madeAt.getTime() + 60_000);
    // In the order of canonical JSON, which is what the log signs.
    const entry = {
      body: json(body).toString('base64'),
      integratedTime: Math.floor(at.getTime() / 1000),
      logID: this.#logId().toString('hex'),
      logIndex: 0,
    };
    return { entry, promise: sign('sha256', json(entry), this.#log.privateKey).toString('base64') };
  }

  /** Of a log that has one entry. */
  #proof(body: Buffer): object {
    const leafHash = sha256(Buffer.concat([Buffer.from([0]), body]));
    const note = `${LOG_NAME}\n1\n${leafHash.toString('base64')}\n`;
    const signature = sign('sha256', Buffer.from(note), this.#log.privateKey);
    const signed = Buffer.concat([this.#logId().subarray(0, 4), signature]).toString('base64');
    return {
      logIndex: '0',
      rootHash: leafHash.toString('base64'),
      treeSize: '1',
      hashes: [],
      checkpoint: { envelope: `${note}\n— ${LOG_NAME} ${signed}\n` },
    };
  }

  #logId(): Buffer {
    return sha256(this.#log.publicKey.export({ format: 'der', type: 'spki' }));
  }
}

interface LogEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logID: string;
  readonly logIndex: number;
}

/** A bundle of a statement that a key has signed, without certificate and log. */
export function keyBundle(statement: Buffer, key: KeyObject): Buffer {
  return json({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: 'key' }, tlogEntries: [] },
    dsseEnvelope: sealed(statement, key),
  });
}

/** A bundle of a signature over bytes themselves. */
export function messageBundle(bytes: Uint8Array, key: KeyObject): Buffer {
  return json({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: 'key' }, tlogEntries: [] },
    messageSignature: {
      messageDigest: { algorithm: 'SHA2_256', digest: sha256(bytes).toString('base64') },
      signature: sign('sha256', bytes, key).toString('base64'),
    },
  });
}

/** What `cosign sign` states of an image. */
export function statementOf(
  digest: string,
  { name, predicateType = 'https://sigstore.dev/cosign/sign/v1' }: { name?: string; predicateType?: string } = {},
): Buffer {
  return json({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ ...(name === undefined ? {} : { name }), digest: { sha256: digest.slice('sha256:'.length) } }],
    predicateType,
    predicate: {},
  });
}

/** What simple signing signs. */
export function payloadOf(digest: string, reference: string, type = 'cosign container image signature'): Buffer {
  return json({
    critical: { identity: { 'docker-reference': reference }, image: { 'docker-manifest-digest': digest }, type },
    optional: null,
  });
}

interface Envelope {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly sig: string }[];
}

function sealed(statement: Buffer, key: KeyObject): Envelope {
  const payloadType = 'application/vnd.in-toto+json';
  const signed = Buffer.concat([
    Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${statement.length} `),
    statement,
  ]);
  const sig = sign('sha256', signed, key).toString('base64');
  return { payload: statement.toString('base64'), payloadType, signatures: [{ sig }] };
}

function spki(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).toString('base64');
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
