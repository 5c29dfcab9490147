import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
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
  /** An authority between the root and the signer, whose certificate comes with the signature. */
  readonly between?: 'authority' | 'impostor';
}

export const SUBJECT = 'builder@example.org';
export const ISSUER = 'https://login.example.org';

/** A certificate authority and a transparency log of a test's own: all that sigstore is, offline. */
export class LocalSigstore {
  readonly #authority = newKey();
  readonly #log = newKey();
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

  /** What a policy names in parts: the authority's certificate and the log's key, both as PEM. */
  parts(): { readonly authority: string; readonly logKey: string } {
    return {
      authority: pem(this.#root()),
      logKey: this.#log.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    };
  }

  /** As cosign 2 keeps a signature of a payload by a key that the log has seen. */
  keyAnnotations(payload: Buffer, key: KeyObject): Readonly<Record<string, string>> {
    const signature = sign('sha256', payload, key).toString('base64');
    const content = base64(createPublicKey(key).export({ format: 'pem', type: 'spki' }).toString());
    const { entry, promise } = this.#logged(recordOf(payload, { content: signature, publicKey: { content } }), {});
    return {
      'dev.cosignproject.cosign/signature': signature,
      'dev.sigstore.cosign/bundle': JSON.stringify({ SignedEntryTimestamp: promise, Payload: entry }),
    };
  }

  /** As cosign 2 keeps a signature of a payload: annotations beside it. */
  annotations(payload: Buffer, signing: Signing = {}): Readonly<Record<string, string>> {
    const { leaf, key, chain } = this.#leaf(signing);
    const signature = sign('sha256', payload, key);
    const signed = { content: signature.toString('base64'), publicKey: { content: base64(pem(leaf)) } };
    const { entry, promise } = this.#logged(recordOf(payload, signed), signing);
    return {
      'dev.cosignproject.cosign/signature': signature.toString('base64'),
      'dev.sigstore.cosign/certificate': pem(leaf),
      ...(chain && { 'dev.sigstore.cosign/chain': chain }),
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

  #leaf({ subject = SUBJECT, issuer = ISSUER, impostor = false, between }: Signing): {
    readonly leaf: Buffer;
    readonly key: KeyObject;
    readonly chain: string | undefined;
  } {
    const { publicKey, privateKey } = newKey();
    const authority = impostor ? newKey() : this.#authority;
    const middle = newKey();
    const leaf = certificate({
      serial: 2,
      issuer: between === undefined ? 'root' : 'between',
      subject: undefined,
      from: this.#madeAt,
      to: new Date(this.#madeAt.getTime() + 10 * 60_000),
      publicKey,
      extensions: EXTENSIONS.signer(subject, issuer),
      signer: between === undefined ? authority.privateKey : middle.privateKey,
    });
    if (between === undefined) return { leaf, key: privateKey, chain: undefined };
    const signer = between === 'impostor' ? newKey() : this.#authority;
    const chain = [this.#authorityOf('between', middle.publicKey, signer.privateKey), this.#root()].map(pem).join('');
    return { leaf, key: privateKey, chain };
  }

  #root(): Buffer {
    return this.#authorityOf('root', this.#authority.publicKey, this.#authority.privateKey);
  }

  #authorityOf(subject: string, publicKey: KeyObject, signer: KeyObject): Buffer {
    const validMs = 1000 * DAY_MS;
    const [from, to] = [-validMs, validMs].map((ms) => new Date(this.#madeAt.getTime() + ms)) as [Date, Date];
    const extensions = EXTENSIONS.authority;
    return certificate({ serial: 1, issuer: 'root', subject, from, to, publicKey, extensions, signer });
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

function newKey(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** What a log keeps of a signature over a payload. */
function recordOf(payload: Buffer, signature: object): object {
  const data = { hash: { algorithm: 'sha256', value: sha256(payload).toString('hex') } };
  return { apiVersion: '0.0.1', kind: 'hashedrekord', spec: { data, signature } };
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
