import {
  formatImageReference,
  type ImageReference,
  parseImageReference,
  pathOfReference,
  type RegistryReference,
} from '../../model/image-reference.ts';
import { nameOf } from './identity.ts';
import type { ImageOrigin } from './image-trust.ts';
import type { TrustPolicy, TrustRequirement } from './policy.ts';

/** What a policy asks of one image, and the words of the policy that say so. */
export interface ChosenRequirements {
  readonly scope: string;
  readonly requirements: readonly TrustRequirement[];
}

/** Of all scopes that an image is in, the longest decides, as containers-policy.json(5) has it. */
export function requirementsFor(policy: TrustPolicy, origin: ImageOrigin | undefined): ChosenRequirements {
  if (origin === undefined) return byDefault(policy);
  const transport = transportOf(origin);
  const scopes = policy.transports.get(transport);
  for (const scope of scopes === undefined ? [] : [...scopesOf(origin), '']) {
    const requirements = scopes?.get(scope);
    if (requirements !== undefined) return { scope: `${transport}: ${JSON.stringify(scope)}`, requirements };
  }
  return byDefault(policy);
}

function byDefault(policy: TrustPolicy): ChosenRequirements {
  return { scope: 'everything else ("default")', requirements: policy.default };
}

/** The scopes that an image is in, the longest first. */
export function scopesOf(reference: ImageOrigin): readonly string[] {
  if (reference.kind === 'registry') return registryScopes(reference);
  if (reference.kind === 'docker-daemon') return daemonScopes(reference.name);
  if (reference.kind === 'stream') return [];
  const path = pathOfReference(reference);
  if (path === undefined) return reference.kind === 'aci' ? aciScopes(reference.place) : [];
  const own = formatImageReference(reference).slice(reference.kind.length + 1);
  return [...new Set([own, path, ...parents(path, '/')])];
}

function transportOf(origin: ImageOrigin): string {
  if (origin.kind === 'stream') return origin.transport;
  return origin.kind === 'registry' ? 'docker' : origin.kind;
}

/** A name is in the same scopes as one in a registry; an id is in none but that of all. */
function daemonScopes(name: string): readonly string[] {
  if (/^(?:sha256:)?[0-9a-f]{12,64}$/.test(name)) return [];
  const reference: ImageReference = parseImageReference(name);
  return reference.kind === 'registry' ? registryScopes(reference) : [];
}

/** A URL or a name, with what is above it: labels and the version of a name are its end. */
function aciScopes(place: string): readonly string[] {
  const name = place.replace(/,.*$/, '');
  const bare = place.includes('://') ? name : name.replace(/:[^/]*$/, '');
  return [...new Set([place, name, bare, ...parents(bare, '/').filter((scope) => !/[/:]$/.test(scope))])];
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
