import { type Digest, isDigest } from '../../model/digest.ts';
import type { ImageSigner } from '../../model/trust-verdict.ts';
import { asObject, asString, parseJsonObject, type Refuse } from '../json-fields.ts';

/** What a signature says: of which manifest it is, and under which name. */
export interface Claim {
  readonly digest: Digest;
  /** `undefined` when the signer named none. */
  readonly reference: string | undefined;
}

/** What a signature says once it is known to be good, and whose it is. */
export interface SignedClaim extends Claim {
  readonly signer: ImageSigner;
}

/** Of payloads that two tools sign alike, whose they are. */
export type PayloadType = 'atomic container signature' | 'cosign container image signature';

/**
 * Reads a payload of simple signing (containers-signature(5)). It must be verified first: nothing in it counts before that.
 *
 * @param refuse told what is wrong; an unknown member of `critical` is, for it could change what was signed
 */
export function parsePayload(bytes: Uint8Array, type: PayloadType, refuse: Refuse): Claim {
  const critical = asObject(parseJsonObject(bytes, refuse).critical, 'critical', refuse);
  onlyFields(critical, 'critical', ['type', 'image', 'identity'], refuse);
  if (critical.type !== type) refuse(`its type is ${JSON.stringify(critical.type)}, not ${type}`);
  const image = asObject(critical.image, 'critical.image', refuse);
  onlyFields(image, 'critical.image', ['docker-manifest-digest'], refuse);
  const digest = asString(image['docker-manifest-digest'], 'docker-manifest-digest', refuse);
  if (!isDigest(digest)) refuse(`its digest ${JSON.stringify(digest)} is not sha256: and 64 hex digits`);
  const identity = asObject(critical.identity, 'critical.identity', refuse);
  onlyFields(identity, 'critical.identity', ['docker-reference'], refuse);
  const reference = asString(identity['docker-reference'], 'docker-reference', refuse);
  return { digest: digest as Digest, reference: reference === '' ? undefined : reference };
}

const STATEMENT_TYPE = /^https:\/\/in-toto\.io\/Statement\/v(?:0\.1|1)$/;
/** What `cosign sign` states of an image. Other statements, of provenance say, are no approval of it. */
const SIGNATURE_PREDICATE = 'https://sigstore.dev/cosign/sign/v1';

/** Reads an in-toto statement, verified, that an image is signed by cosign. @returns a claim for each subject */
export function parseStatement(bytes: Uint8Array, refuse: Refuse): readonly Claim[] {
  const statement = parseJsonObject(bytes, refuse);
  if (!STATEMENT_TYPE.test(String(statement._type))) refuse(`its type is ${JSON.stringify(statement._type)}`);
  if (statement.predicateType !== SIGNATURE_PREDICATE) {
    refuse(
      `it states ${JSON.stringify(statement.predicateType)}, not that the image is signed (${SIGNATURE_PREDICATE})`,
    );
  }
  const subjects = Array.isArray(statement.subject) ? statement.subject : refuse('it has no subjects');
  return subjects.flatMap((value: unknown, index: number) => {
    const subject = asObject(value, `subject[${index}]`, refuse);
    const hex = asObject(subject.digest, `subject[${index}].digest`, refuse).sha256;
    const digest = `sha256:${typeof hex === 'string' ? hex : ''}`;
    if (!isDigest(digest)) return [];
    const name = typeof subject.name === 'string' && subject.name !== '' ? subject.name : undefined;
    return [{ digest, reference: name }];
  });
}

function onlyFields(object: object, what: string, known: readonly string[], refuse: Refuse): void {
  const unknown = Object.keys(object).filter((field) => !known.includes(field));
  if (unknown.length > 0) refuse(`${what} has an unknown field ${unknown[0]}`);
}
