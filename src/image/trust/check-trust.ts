import type { Clock, Files } from '../../base/effects.ts';
import type { Digest } from '../../model/digest.ts';
import { formatImageReference, type ImageReference } from '../../model/image-reference.ts';
import type { ImageSignature, TrustVerdict } from '../../model/trust-verdict.ts';
import type { WebWay } from '../web/web-way.ts';
import { attachedSignatures } from './attached-signatures.ts';
import { verifyBundle, verifyWitnessed } from './bundle.ts';
import { parsePayload, type SignedClaim } from './claim.ts';
import { trustErrors } from './errors.ts';
import type { FoundSignature } from './found-signature.ts';
import { verifyGpgSignature } from './gpg.ts';
import { identityMismatch, repositoryOf } from './identity.ts';
import type { TrustCandidate } from './image-trust.ts';
import { lookasideSignatures } from './lookaside.ts';
import type { SignatureRequirement, TrustPolicy } from './policy.ts';
import { hasSigned, signerOf } from './public-keys.ts';
import { lookasideFor } from './registries-directory.ts';
import { requirementsFor } from './scopes.ts';
import { bundleTrustOf, keyRingsOf } from './trusted-keys.ts';

export interface TrustPorts {
  readonly files: Files;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly stallMs: number;
  /** Says where signatures lie that the policy names no lookaside of: a registries.d. */
  readonly registriesDirectory?: string | undefined;
  /** To lookasides on the web. */
  readonly way?: WebWay | undefined;
}

const MAX_REASONS = 5;
const MAX_REASON_CHARACTERS = 300;

/**
 * Whether a policy takes an image: every requirement of its scope must be met, one for a signature by at least one signature
 * of the manifest or of the index that names it.
 *
 * @returns what speaks for the image
 * @throws {EngineError} permission-denied (`trust.refused`, `.nothingSigns`, `.unsigned`, `.untrusted`), failed-precondition
 *   (`trust.unusableKey`), or what the source throws while signatures are looked for
 */
export async function checkTrust(
  ports: TrustPorts,
  policy: TrustPolicy,
  candidate: TrustCandidate,
): Promise<TrustVerdict> {
  const { origin, shelf } = candidate;
  const reference = referenceOf(candidate);
  const image = reference === undefined ? shelf.source.name : formatImageReference(reference);
  const { scope, requirements } = requirementsFor(policy, origin);
  if (requirements.some(({ kind }) => kind === 'reject')) throw trustErrors.refused({ image, scope });
  const wanted = requirements.filter(
    (item): item is SignatureRequirement => item.kind === 'gpg' || item.kind === 'sigstore',
  );
  if (wanted.length === 0 && candidate.requireSignature) throw trustErrors.nothingSigns({ image, scope });
  const signatures: ImageSignature[] = [];
  for (const requirement of wanted) signatures.push(await meet(ports, { requirement, candidate, image, scope }));
  return { judgedAtMs: ports.clock.nowMs(), scope, signatures };
}

async function meet(
  ports: TrustPorts,
  {
    requirement,
    candidate,
    image,
    scope,
  }: {
    readonly requirement: SignatureRequirement;
    readonly candidate: TrustCandidate;
    readonly image: string;
    readonly scope: string;
  },
): Promise<ImageSignature> {
  const verify = await verifierOf(ports, requirement, candidate);
  const reasons: string[] = [];
  for (const { digest } of candidate.documents) {
    for (const found of await signaturesOf(ports, requirement, { candidate, digest: digest as Digest })) {
      const claim = await verdict(found, { verify, requirement, candidate });
      if (typeof claim !== 'string') return signatureOf(requirement, claim, found);
      reasons.push(`${found.where}: ${oneLine(claim)}`);
    }
  }
  const digests = candidate.documents.map(({ digest }) => digest);
  if (reasons.length === 0) {
    const lookedAt = await placesOf(ports, requirement, candidate);
    throw trustErrors.unsigned({ image, scope, digests, lookedAt });
  }
  throw trustErrors.untrusted({ image, scope, reasons: reasons.slice(0, MAX_REASONS) });
}

type Verify = (found: FoundSignature) => Promise<readonly SignedClaim[]>;

/** @returns what the signature says when it is good, else why it is not */
async function verdict(
  found: FoundSignature,
  {
    verify,
    requirement,
    candidate,
  }: { readonly verify: Verify; readonly requirement: SignatureRequirement; readonly candidate: TrustCandidate },
): Promise<SignedClaim | string> {
  let claims: readonly SignedClaim[];
  try {
    claims = await verify(found);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const ours = claims.filter(({ digest }) => candidate.documents.some((document) => document.digest === digest));
  if (ours.length === 0) return `it is of ${claims.map(({ digest }) => digest).join(', ') || 'nothing'}, another image`;
  const reasons: string[] = [];
  for (const claim of ours) {
    const mismatch = identityMismatch(requirement.identity, referenceOf(candidate), claim.reference);
    if (mismatch === undefined) return claim;
    reasons.push(mismatch);
  }
  return reasons[0] ?? 'it says nothing';
}

function signatureOf(
  { kind }: SignatureRequirement,
  { signer, digest, reference }: SignedClaim,
  { where }: FoundSignature,
): ImageSignature {
  const requirement = kind === 'gpg' ? 'signedBy' : 'sigstoreSigned';
  const named = reference === undefined ? {} : { reference: oneLine(reference) };
  return { requirement, signer, digest, ...named, where: oneLine(where) };
}

async function verifierOf(
  ports: TrustPorts,
  requirement: SignatureRequirement,
  { documents }: TrustCandidate,
): Promise<Verify> {
  if (requirement.kind === 'gpg') {
    const trusted = { rings: await keyRingsOf(ports.files, requirement), nowMs: ports.clock.nowMs() };
    return async (found) => [await verifyGpgSignature('bytes' in found ? found.bytes : found.payload, trusted)];
  }
  const trust = await bundleTrustOf(ports.files, requirement);
  return async (found) => {
    if (found.kind === 'bundle') return verifyBundle(found.bytes, trust, documents);
    if (found.kind === 'gpg') return [];
    if (trust.kind === 'root' || trust.witnesses !== undefined) return [await verifyWitnessed(found, trust)];
    const key = trust.keys.find((one) => hasSigned(one, found.payload, found.signature));
    if (key === undefined) throw new Error('it is by none of the keys that the policy names');
    return [{ ...parsePayload(found.payload, 'cosign container image signature', refuse), signer: signerOf(key) }];
  };
}

async function signaturesOf(
  ports: TrustPorts,
  requirement: SignatureRequirement,
  { candidate, digest }: { readonly candidate: TrustCandidate; readonly digest: Digest },
): Promise<readonly FoundSignature[]> {
  const { shelf, signal } = candidate;
  if (requirement.kind === 'sigstore') return attachedSignatures(shelf, digest, signal);
  const repository = repositoryOf(requirement.identity, referenceOf(candidate));
  const base = await lookasideOf(ports, requirement, candidate);
  if (base === undefined || repository === undefined) return [];
  return lookasideSignatures(ports, { base, repository, digest }, signal);
}

function referenceOf({ origin }: TrustCandidate): ImageReference | undefined {
  return origin === undefined || origin.kind === 'stream' ? undefined : origin;
}

async function lookasideOf(
  { files, registriesDirectory }: TrustPorts,
  requirement: SignatureRequirement,
  candidate: TrustCandidate,
): Promise<string | undefined> {
  if (requirement.kind === 'sigstore') return undefined;
  const reference = referenceOf(candidate);
  if (requirement.lookaside !== undefined || registriesDirectory === undefined || reference?.kind !== 'registry') {
    return requirement.lookaside;
  }
  return lookasideFor(files, registriesDirectory, reference);
}

async function placesOf(
  ports: TrustPorts,
  requirement: SignatureRequirement,
  candidate: TrustCandidate,
): Promise<readonly string[]> {
  const without = withoutSignatures(candidate.origin);
  if (without !== undefined) return [without];
  if (requirement.kind === 'sigstore') return ["cosign's tags sha256-….sig", 'referrers'];
  const { registriesDirectory = 'a registries.d' } = ports;
  const place = await lookasideOf(ports, requirement, candidate);
  return [place ?? `no place, for neither the policy nor ${registriesDirectory} names a lookaside`];
}

/** Why nothing can be found for an image of a place that keeps no signatures which are understood. */
function withoutSignatures(origin: TrustCandidate['origin']): string | undefined {
  const kind = origin?.kind === 'stream' ? origin.transport : origin?.kind;
  switch (kind) {
    case 'aci':
      return 'nothing, for signatures of appc images (.aci.asc) are not understood';
    case 'dir':
    case 'tar':
    case 'docker-archive':
    case 'docker-daemon':
      return `nothing, for what comes from ${kind}: has no place for signatures`;
    default:
      return undefined;
  }
}

/** What others wrote may be in it, and it goes to terminals and logs. */
function oneLine(text: string): string {
  return text.replace(/[^\x20-\x7e…]+/g, ' ').slice(0, MAX_REASON_CHARACTERS);
}

function refuse(reason: string): never {
  throw new Error(reason);
}
