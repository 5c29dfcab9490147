import { formatImageReference, type ImageReference, type RegistryReference } from '../../model/image-reference.ts';
import { nameOf } from './identity.ts';
import type { TrustPolicy, TrustRequirement } from './policy.ts';

/** What a policy asks of one image, and the words of the policy that say so. */
export interface ChosenRequirements {
  readonly scope: string;
  readonly requirements: readonly TrustRequirement[];
}

/** Of all scopes that an image is in, the longest decides, as containers-policy.json(5) has it. */
export function requirementsFor(policy: TrustPolicy, reference: ImageReference | undefined): ChosenRequirements {
  if (reference === undefined) return byDefault(policy);
  const transport = reference.kind === 'registry' ? 'docker' : reference.kind;
  const scopes = policy.transports.get(transport);
  for (const scope of scopes === undefined ? [] : [...scopesOf(reference), '']) {
    const requirements = scopes?.get(scope);
    if (requirements !== undefined) return { scope: `${transport}: ${JSON.stringify(scope)}`, requirements };
  }
  return byDefault(policy);
}

function byDefault(policy: TrustPolicy): ChosenRequirements {
  return { scope: 'everything else ("default")', requirements: policy.default };
}

/** The scopes that an image is in, the longest first. */
export function scopesOf(reference: ImageReference): readonly string[] {
  if (reference.kind === 'registry') return registryScopes(reference);
  if (!('path' in reference) || typeof reference.path !== 'string') return [];
  const { path } = reference;
  const own = formatImageReference(reference).slice(reference.kind.length + 1);
  return [...new Set([own, path, ...parents(path, '/')])];
}

function registryScopes(reference: RegistryReference): readonly string[] {
  const { registry, tag, digest } = reference;
  const name = nameOf(reference);
  const exact = digest !== undefined ? [`${name}@${digest}`] : tag !== undefined ? [`${name}:${tag}`] : [];
  return [...exact, name, ...parents(name, '/'), ...wildcards(registry)];
}

/** `a/b/c` → `a/b`, `a`; the root of a path that begins with the separator is `/`. */
function parents(text: string, separator: string): readonly string[] {
  const found: string[] = [];
  for (let end = text.lastIndexOf(separator); end > 0; end = text.lastIndexOf(separator, end - 1)) {
    found.push(text.slice(0, end));
  }
  return text.startsWith(separator) ? [...found, separator] : found;
}

/** `a.b.c:5000` → `*.b.c:5000`, `*.c:5000` */
function wildcards(host: string): readonly string[] {
  const found: string[] = [];
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) found.push(`*${host.slice(dot)}`);
  return found;
}
