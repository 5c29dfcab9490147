import { EngineError } from '../../model/error.ts';
import {
  formatImageReference,
  type ImageReference,
  parseImageReference,
  type RegistryReference,
} from '../../model/image-reference.ts';

/**
 * Which reference a signature must have been made for (containers-policy.json(5), "signedIdentity"). `digest-only` is ours:
 * the digest is enough, as for cosign, whose bundles name no reference.
 */
export type IdentityRule =
  | { readonly kind: 'match-exact' }
  | { readonly kind: 'match-repo-digest-or-exact' }
  | { readonly kind: 'match-repository' }
  | { readonly kind: 'exact-reference'; readonly reference: RegistryReference }
  | { readonly kind: 'exact-repository'; readonly name: string }
  | { readonly kind: 'remap'; readonly prefix: string; readonly signedPrefix: string }
  | { readonly kind: 'digest-only' };

/**
 * Whether a signature that names `signed` speaks of the image that was asked for.
 *
 * @returns undefined when it does, else why not
 */
export function identityMismatch(
  rule: IdentityRule,
  asked: ImageReference | undefined,
  signed: string | undefined,
): string | undefined {
  if (rule.kind === 'digest-only') return undefined;
  if (signed === undefined) return 'it names no image reference, and the policy wants one (signedIdentity)';
  const claimed = parseClaimed(signed);
  if (claimed === undefined) return `it is for ${JSON.stringify(signed)}, which is no image reference`;
  return matches(rule, asked, claimed) ? undefined : `it is for ${signed}, not for ${wanted(rule, asked)}`;
}

/** The repository under which signatures are kept: where the image is, and for sources that have none the one of the rule. */
export function repositoryOf(rule: IdentityRule, asked: ImageReference | undefined): string | undefined {
  if (asked?.kind === 'registry') return asked.repository;
  if (rule.kind === 'exact-reference') return rule.reference.repository;
  return rule.kind === 'exact-repository' ? parseClaimed(rule.name)?.repository : undefined;
}

function matches(rule: IdentityRule, asked: ImageReference | undefined, claimed: RegistryReference): boolean {
  switch (rule.kind) {
    case 'digest-only':
      return true;
    case 'exact-reference':
      return sameReference(rule.reference, claimed);
    case 'exact-repository':
      return nameOf(claimed) === rule.name;
    case 'match-repository':
      return asked?.kind === 'registry' && nameOf(asked) === nameOf(claimed);
    case 'match-exact':
      return asked?.kind === 'registry' && sameReference(asked, claimed);
    case 'match-repo-digest-or-exact':
      return asked?.kind === 'registry' && repoDigestOrExact(asked, claimed);
    case 'remap': {
      const mapped = remapped(rule, asked);
      return mapped !== undefined && repoDigestOrExact(mapped, claimed);
    }
  }
}

/** One asked for by digest has no tag that a signature could name; the digest itself is compared elsewhere. */
function repoDigestOrExact(asked: RegistryReference, claimed: RegistryReference): boolean {
  return asked.digest === undefined ? sameReference(asked, claimed) : nameOf(asked) === nameOf(claimed);
}

function sameReference(one: RegistryReference, other: RegistryReference): boolean {
  if (one.digest !== undefined || other.digest !== undefined) {
    return nameOf(one) === nameOf(other) && one.digest === other.digest;
  }
  return nameOf(one) === nameOf(other) && one.tag === other.tag;
}

function remapped(
  { prefix, signedPrefix }: Extract<IdentityRule, { readonly kind: 'remap' }>,
  asked: ImageReference | undefined,
): RegistryReference | undefined {
  if (asked?.kind !== 'registry') return undefined;
  const full = referenceText(asked);
  const rest = full.slice(prefix.length);
  // Only whole parts of a name count: `host/app` is no prefix of `host/apparel`.
  if (!full.startsWith(prefix) || !/^(?:$|[/:@])/.test(rest)) return asked;
  return parseClaimed(`${signedPrefix}${rest}`);
}

function wanted(rule: IdentityRule, asked: ImageReference | undefined): string {
  switch (rule.kind) {
    case 'exact-reference':
      return formatImageReference(rule.reference);
    case 'exact-repository':
      return rule.name;
    case 'match-repository':
      return asked?.kind === 'registry' ? nameOf(asked) : referenceText(asked);
    case 'remap': {
      const mapped = remapped(rule, asked);
      return mapped === undefined ? referenceText(asked) : formatImageReference(mapped);
    }
    default:
      return referenceText(asked);
  }
}

function referenceText(asked: ImageReference | undefined): string {
  return asked === undefined ? 'a source without a name' : formatImageReference(asked);
}

export function nameOf({ registry, repository }: RegistryReference): string {
  return `${registry}/${repository}`;
}

/** What a signature says of itself is bytes of somebody else until it is parsed. */
function parseClaimed(text: string): RegistryReference | undefined {
  // A name without tag and digest is a repository, not its tag `latest`.
  const hasTag = /:[^/]*$/.test(text.split('@', 1)[0] ?? '') || text.includes('@');
  try {
    const reference = parseImageReference(text);
    if (reference.kind !== 'registry') return undefined;
    return hasTag ? reference : { ...reference, tag: undefined };
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}
