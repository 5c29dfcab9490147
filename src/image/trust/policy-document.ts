import { EngineError } from '../../model/error.ts';
import { parseImageReference, type RegistryReference } from '../../model/image-reference.ts';
import {
  asArray,
  asObject,
  asString,
  type JsonObject,
  optionalString,
  parseJsonObject,
  type Refuse,
} from '../json-fields.ts';
import { duplicateKeyIn } from './duplicate-key.ts';
import type { IdentityRule } from './identity.ts';
import type { CertificateSigner, KeySource, TrustPolicy, TrustRequirement } from './policy.ts';
import { isLookaside } from './registries-directory.ts';

/**
 * Parses a policy in the format of containers-policy.json(5), with what we add to it. What is not understood is refused: a
 * requirement that is passed over would let an image in that it should have kept out.
 *
 * @param refuse told what is wrong; throws
 */
export function parsePolicy(bytes: Uint8Array, refuse: Refuse): TrustPolicy {
  const document = parseJsonObject(bytes, refuse);
  const twice = duplicateKeyIn(Buffer.from(bytes).toString('utf8'));
  // The last would hide the others: of two equal scopes one would say nothing.
  if (twice !== undefined) refuse(`it has the key ${JSON.stringify(twice)} twice in one object`);
  onlyFields(document, 'it', ['default', 'transports'], refuse);
  if (document.default === undefined) refuse('it has no default');
  const transports = asObject(document.transports ?? {}, 'transports', refuse);
  const parsed = Object.entries(transports).map(([transport, value]) => {
    const scopes = Object.entries(asObject(value, `transports.${transport}`, refuse)).map(([scope, list]) => {
      const what = `transports.${transport}[${JSON.stringify(scope)}]`;
      return [scope, parseRequirements(list, what, refuse)] as const;
    });
    return [transport, new Map(scopes)] as const;
  });
  return { default: parseRequirements(document.default, 'default', refuse), transports: new Map(parsed) };
}

function parseRequirements(value: unknown, what: string, refuse: Refuse): readonly TrustRequirement[] {
  const list = asArray(value, what, refuse);
  if (list.length === 0) refuse(`${what} has no requirement`);
  return list.map((item, index) => parseRequirement(item, `${what}[${index}]`, refuse));
}

function parseRequirement(value: unknown, what: string, refuse: Refuse): TrustRequirement {
  const object = asObject(value, what, refuse);
  const type = asString(object.type, `${what}.type`, refuse);
  switch (type) {
    case 'insecureAcceptAnything':
    case 'reject':
      onlyFields(object, what, ['type'], refuse);
      return { kind: type === 'reject' ? 'reject' : 'accept' };
    case 'signedBy':
      return parseSignedBy(object, what, refuse);
    case 'sigstoreSigned':
      return parseSigstoreSigned(object, what, refuse);
    default:
      return refuse(
        `${what}.type is ${JSON.stringify(type)}, which is none of insecureAcceptAnything, reject, signedBy, sigstoreSigned`,
      );
  }
}

const GPG_KEY_FIELDS = ['keyPath', 'keyPaths', 'keyData'] as const;

function parseSignedBy(object: JsonObject, what: string, refuse: Refuse): TrustRequirement {
  onlyFields(object, what, ['type', 'keyType', ...GPG_KEY_FIELDS, 'lookaside', 'signedIdentity'], refuse);
  if (object.keyType !== 'GPGKeys') refuse(`${what}.keyType is ${JSON.stringify(object.keyType)}, not GPGKeys`);
  const keyRings = parseKeys(object, what, { fields: GPG_KEY_FIELDS, refuse });
  if (keyRings.length === 0) refuse(`${what} has none of ${GPG_KEY_FIELDS.join(', ')}`);
  const lookaside = optionalString(object, 'lookaside', refuse);
  if (lookaside !== undefined && !isLookaside(lookaside)) {
    refuse(`${what}.lookaside ${JSON.stringify(lookaside)} is no file:/// or https:// URL`);
  }
  return { kind: 'gpg', keyRings, lookaside, identity: parseIdentity(object.signedIdentity, what, refuse) };
}

const SIGSTORE_KEY_FIELDS = ['keyPath', 'keyPaths', 'keyData', 'keyDatas'] as const;

const LOG_KEY_FIELDS = [
  'rekorPublicKeyPath',
  'rekorPublicKeyPaths',
  'rekorPublicKeyData',
  'rekorPublicKeyDatas',
] as const;
const NO_PKI =
  "X.509 authorities of one's own are not verified without a log: give the signers' public keys (keyPath), or fulcio and a rekorPublicKey…, or trustedRootPath and signers";

function parseSigstoreSigned(object: JsonObject, what: string, refuse: Refuse): TrustRequirement {
  if (object.pki !== undefined) refuse(`${what}.pki is not supported: ${NO_PKI}`);
  const others = ['fulcio', ...LOG_KEY_FIELDS, 'trustedRootPath', 'signers'];
  onlyFields(object, what, ['type', ...SIGSTORE_KEY_FIELDS, ...others, 'signedIdentity'], refuse);
  const keys = parseKeys(object, what, { fields: SIGSTORE_KEY_FIELDS, refuse });
  const logs = parseKeys(object, what, { fields: LOG_KEY_FIELDS, refuse });
  const root = parseRoot(object, what, refuse);
  const authority = parseFulcio(object.fulcio, `${what}.fulcio`, refuse);
  if ([keys.length > 0, root !== undefined, authority !== undefined].filter(Boolean).length !== 1) {
    refuse(
      `${what} needs one of ${SIGSTORE_KEY_FIELDS.join(', ')}; or fulcio; or trustedRootPath and signers; and one of them alone`,
    );
  }
  if (authority !== undefined && logs.length === 0) {
    refuse(
      `${what}.fulcio needs one of ${LOG_KEY_FIELDS.join(', ')}: only a log knows when a certificate of some minutes was used`,
    );
  }
  if (root !== undefined && logs.length > 0) {
    refuse(`${what} has trustedRootPath and keys of logs: the root itself names its logs`);
  }
  return {
    kind: 'sigstore',
    keys,
    root,
    authority,
    logs,
    identity: parseIdentity(object.signedIdentity, what, refuse),
  };
}

const AUTHORITY_FIELDS = ['caPath', 'caData'] as const;

function parseFulcio(
  value: unknown,
  what: string,
  refuse: Refuse,
): Extract<TrustRequirement, { readonly kind: 'sigstore' }>['authority'] {
  if (value === undefined) return undefined;
  const object = asObject(value, what, refuse);
  onlyFields(object, what, [...AUTHORITY_FIELDS, 'oidcIssuer', 'subjectEmail'], refuse);
  const [certificates] = parseKeys(object, what, { fields: AUTHORITY_FIELDS, refuse });
  if (certificates === undefined) return refuse(`${what} has none of ${AUTHORITY_FIELDS.join(', ')}`);
  return {
    certificates,
    signer: {
      issuer: asString(object.oidcIssuer, `${what}.oidcIssuer`, refuse),
      subject: asString(object.subjectEmail, `${what}.subjectEmail`, refuse),
    },
  };
}

function parseRoot(
  object: JsonObject,
  what: string,
  refuse: Refuse,
): Extract<TrustRequirement, { readonly kind: 'sigstore' }>['root'] {
  const { trustedRootPath, signers } = object;
  if (trustedRootPath === undefined && signers === undefined) return undefined;
  const path = absolutePath(trustedRootPath, `${what}.trustedRootPath`, refuse);
  const list = asArray(signers, `${what}.signers`, refuse);
  if (list.length === 0) refuse(`${what}.signers is empty: nobody could sign`);
  return {
    file: { kind: 'file', path },
    signers: list.map((item, index): CertificateSigner => {
      const where = `${what}.signers[${index}]`;
      const signer = asObject(item, where, refuse);
      onlyFields(signer, where, ['issuer', 'subject'], refuse);
      return {
        issuer: asString(signer.issuer, `${where}.issuer`, refuse),
        subject: asString(signer.subject, `${where}.subject`, refuse),
      };
    }),
  };
}

/** Exactly one of the ways to name keys, or none. */
function parseKeys(
  object: JsonObject,
  what: string,
  { fields, refuse }: { readonly fields: readonly string[]; readonly refuse: Refuse },
): readonly KeySource[] {
  const given = fields.filter((field) => object[field] !== undefined);
  if (given.length > 1) refuse(`${what} has both ${given[0]} and ${given[1]}`);
  const [field] = given;
  if (field === undefined) return [];
  const value = object[field];
  const where = `${what}.${field}`;
  const items = field.endsWith('s') ? asArray(value, where, refuse) : [value];
  if (items.length === 0) refuse(`${where} is empty`);
  return items.map((item): KeySource => {
    if (/paths?$/i.test(field)) return { kind: 'file', path: absolutePath(item, where, refuse) };
    const text = asString(item, where, refuse);
    if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text)) refuse(`${where} is not base64`);
    return { kind: 'data', bytes: Buffer.from(text, 'base64') };
  });
}

function absolutePath(value: unknown, what: string, refuse: Refuse): string {
  const path = asString(value, what, refuse);
  if (!path.startsWith('/') || path.includes('\0')) refuse(`${what} ${JSON.stringify(path)} is not an absolute path`);
  return path;
}

/** A host with its port, and a path below it; no wildcard, tag or digest (containers-policy.json(5), remapIdentity). */
const REMAPPED =
  /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]{1,5})?(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

function parseIdentity(value: unknown, requirement: string, refuse: Refuse): IdentityRule {
  if (value === undefined) return { kind: 'match-repo-digest-or-exact' };
  const what = `${requirement}.signedIdentity`;
  const object = asObject(value, what, refuse);
  const type = asString(object.type, `${what}.type`, refuse);
  const field = (name: string): string => asString(object[name], `${what}.${name}`, refuse);
  const prefix = (name: string): string => {
    const text = field(name);
    return REMAPPED.test(text)
      ? text
      : refuse(`${what}.${name} ${JSON.stringify(text)} is neither a registry nor a registry and a path in it`);
  };
  const plain = (rule: IdentityRule, ...fields: readonly string[]): IdentityRule => {
    onlyFields(object, what, ['type', ...fields], refuse);
    return rule;
  };
  switch (type) {
    case 'matchExact':
      return plain({ kind: 'match-exact' });
    case 'matchRepoDigestOrExact':
      return plain({ kind: 'match-repo-digest-or-exact' });
    case 'matchRepository':
      return plain({ kind: 'match-repository' });
    case 'digestOnly':
      return plain({ kind: 'digest-only' });
    case 'exactReference': {
      const text = field('dockerReference');
      const reference = parseReference(text, `${what}.dockerReference`, refuse);
      if (!/[:@][^/]*$/.test(text))
        refuse(`${what}.dockerReference ${JSON.stringify(text)} has neither tag nor digest`);
      return plain({ kind: 'exact-reference', reference }, 'dockerReference');
    }
    case 'exactRepository': {
      const { registry, repository } = parseReference(field('dockerRepository'), `${what}.dockerRepository`, refuse);
      return plain({ kind: 'exact-repository', name: `${registry}/${repository}` }, 'dockerRepository');
    }
    case 'remapIdentity':
      return plain(
        { kind: 'remap', prefix: prefix('prefix'), signedPrefix: prefix('signedPrefix') },
        'prefix',
        'signedPrefix',
      );
    default:
      return refuse(`${what}.type ${JSON.stringify(type)} is unknown`);
  }
}

function parseReference(text: string, what: string, refuse: Refuse): RegistryReference {
  try {
    const reference = parseImageReference(text);
    return reference.kind === 'registry' ? reference : refuse(`${what} ${JSON.stringify(text)} is not in a registry`);
  } catch (error) {
    if (error instanceof EngineError) refuse(`${what}: ${error.message}`);
    throw error;
  }
}

function onlyFields(object: JsonObject, what: string, known: readonly string[], refuse: Refuse): void {
  const unknown = Object.keys(object).find((field) => !known.includes(field));
  if (unknown !== undefined) refuse(`${what} has an unknown field ${JSON.stringify(unknown)}`);
}
