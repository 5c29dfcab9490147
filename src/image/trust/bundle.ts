import type { KeyObject, X509Certificate } from 'node:crypto';
import type { ImageSigner } from '../../model/trust-verdict.ts';
import { assembledRoot, withIntermediates } from './assembled-root.ts';
import { type PayloadType, parsePayload, parseStatement, type SignedClaim } from './claim.ts';
import type { FoundSignature, SignedDocument } from './found-signature.ts';
import type { CertificateSigner } from './policy.ts';
import { promisedBundle } from './promised-bundle.ts';
import { signerOf } from './public-keys.ts';

type Library = typeof import('./libraries/sigstore.ts');
type TrustedRoot = ReturnType<Library['TrustedRoot']['fromJSON']>;
type Bundle = ReturnType<Library['bundleFromJSON']>;
type SignedEntity = ReturnType<Library['toSignedEntity']>;

/** Who may sign: one of these keys, and by which logs it must have been seen; or a holder of a certificate of this root. */
export type BundleTrust =
  | { readonly kind: 'keys'; readonly keys: readonly KeyObject[]; readonly witnesses: TrustedRoot | undefined }
  | {
      readonly kind: 'root';
      readonly root: TrustedRoot;
      readonly signers: readonly CertificateSigner[];
      /** What it is made of, where the policy names that in parts: of its logs the keys alone are known. */
      readonly parts?: { readonly authorities: readonly X509Certificate[]; readonly logKeys: readonly KeyObject[] };
    };

const COSIGN: PayloadType = 'cosign container image signature';
const STATEMENT = 'application/vnd.in-toto+json';
const ROOT_TYPE = 'application/vnd.dev.sigstore.trustedroot+json';

/** Reads a sigstore trusted root. @throws what is wrong with it */
export async function readTrustedRoot(bytes: Uint8Array): Promise<TrustedRoot> {
  const { TrustedRoot } = await import('./libraries/sigstore.ts');
  const root = TrustedRoot.fromJSON(JSON.parse(Buffer.from(bytes).toString('utf8')));
  if (!root.mediaType.startsWith(ROOT_TYPE)) throw new Error(`its media type is ${JSON.stringify(root.mediaType)}`);
  if (root.certificateAuthorities.length === 0) throw new Error('it names no certificate authority');
  // Without a witness of the time of signing, a certificate of some minutes would count for ever.
  if (root.tlogs.length + root.timestampAuthorities.length === 0) {
    throw new Error('it names neither a transparency log nor a timestamp authority');
  }
  return root;
}

/**
 * Verifies a sigstore bundle: an in-toto statement by cosign, or a signature over the manifest's own bytes.
 *
 * @returns what it says, of each manifest that it speaks of
 * @throws an error whose message says why the signature does not count
 */
export async function verifyBundle(
  bytes: Uint8Array,
  trust: BundleTrust,
  documents: readonly SignedDocument[],
): Promise<readonly SignedClaim[]> {
  const library = await import('./libraries/sigstore.ts');
  const bundle = library.bundleFromJSON(JSON.parse(Buffer.from(bytes).toString('utf8')));
  const { content } = bundle;
  if (content.$case === 'dsseEnvelope') {
    const { payload, payloadType } = content.dsseEnvelope;
    if (payloadType !== STATEMENT) throw new Error(`its payload is ${payloadType}, not ${STATEMENT}`);
    const signer = verifyEntity(library, bundle, { trust, artifact: undefined });
    return parseStatement(payload, refuse).map((claim) => ({ ...claim, signer }));
  }
  let failure: unknown = new Error('it is over no manifest of this image');
  for (const { bytes: artifact, digest } of documents) {
    try {
      const signer = verifyEntity(library, bundle, { trust, artifact });
      return [{ digest: digest as SignedClaim['digest'], reference: undefined, signer }];
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Verifies a signature that a log has seen, and that cosign keeps beside its payload in parts. */
export async function verifyWitnessed(
  found: Extract<FoundSignature, { readonly kind: 'cosign' }>,
  trust: BundleTrust,
): Promise<SignedClaim> {
  const library = await import('./libraries/sigstore.ts');
  const bundle = library.bundleFromJSON(promisedBundle(found, trust.kind === 'root' ? 'certificate' : 'key', refuse));
  const signer = verifyEntity(library, bundle, { trust: await withChain(trust, found.chain), artifact: found.payload });
  return { ...parsePayload(found.payload, COSIGN, refuse), signer };
}

/** A root in parts may know less than the signer's chain; a root of sigstore's own is whole. */
async function withChain(trust: BundleTrust, chain: string | undefined): Promise<BundleTrust> {
  if (trust.kind === 'keys' || trust.parts === undefined || chain === undefined) return trust;
  const { authorities, logKeys } = trust.parts;
  return { ...trust, root: await assembledRoot(withIntermediates(authorities, chain), logKeys) };
}

function verifyEntity(
  library: Library,
  bundle: Bundle,
  { trust, artifact }: { readonly trust: BundleTrust; readonly artifact: Uint8Array | undefined },
): ImageSigner {
  const entity = library.toSignedEntity(bundle, artifact === undefined ? undefined : Buffer.from(artifact));
  return trust.kind === 'keys' ? verifyByKey(library, entity, trust) : verifyByRoot(library, entity, trust);
}

/** A key needs no witness unless the policy names some: without, logs and timestamps of whatever origin are left aside. */
function verifyByKey(
  library: Library,
  entity: SignedEntity,
  { keys, witnesses }: Extract<BundleTrust, { readonly kind: 'keys' }>,
): ImageSigner {
  if (entity.key.$case !== 'public-key') throw new Error('it is made with a certificate, and the policy names keys');
  const { TrustedRoot, toTrustMaterial, Verifier } = library;
  const least = witnesses === undefined ? 0 : 1;
  const looked = witnesses === undefined ? { ...entity, tlogEntries: [], timestamps: [] } : byPromise(entity);
  let failure: unknown;
  for (const publicKey of keys) {
    const material = toTrustMaterial(witnesses ?? TrustedRoot.fromJSON({}), () => ({
      publicKey,
      validFor: () => true,
    }));
    try {
      new Verifier(material, { tlogThreshold: least, ctlogThreshold: 0, timestampThreshold: least }).verify(looked);
      return signerOf(publicKey);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** A log that only its key is known of has no name to hold its proofs against: there its signed promise counts, if there is one. */
function byPromise(entity: SignedEntity): SignedEntity {
  const tlogEntries = entity.tlogEntries.map((entry) =>
    entry.inclusionPromise === undefined ? entry : { ...entry, inclusionProof: undefined },
  );
  return { ...entity, tlogEntries };
}

function verifyByRoot(
  library: Library,
  entity: SignedEntity,
  { root, signers, parts }: Extract<BundleTrust, { readonly kind: 'root' }>,
): ImageSigner {
  if (entity.key.$case !== 'certificate') throw new Error('it is made with a key, and the policy names a trusted root');
  const { toTrustMaterial, Verifier } = library;
  const verifier = new Verifier(toTrustMaterial(root), {
    timestampThreshold: 1,
    // What the root has no log for cannot be asked for.
    tlogThreshold: root.tlogs.length > 0 ? 1 : 0,
    ctlogThreshold: root.ctlogs.length > 0 ? 1 : 0,
  });
  // The library would take the policy's subject for a pattern; ours is a name, to the letter.
  const { identity } = verifier.verify(parts === undefined ? entity : byPromise(entity));
  const subject = identity?.subjectAlternativeName;
  const issuer = identity?.extensions?.issuer;
  const signer = signers.find((one) => one.subject === subject && one.issuer === issuer);
  if (signer === undefined) {
    throw new Error(
      `it is by ${subject ?? 'nobody'} as ${issuer ?? 'no issuer'} knows them, whom the policy does not name`,
    );
  }
  return { kind: 'certificate', subject: signer.subject, issuer: signer.issuer };
}

function refuse(reason: string): never {
  throw new Error(reason);
}
