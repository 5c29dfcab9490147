import { type Digest, isDigest } from './digest.ts';
import { defineErrors } from './error.ts';

/** Where an image comes from, as a user names it. */
export type ImageReference =
  | RegistryReference
  /** An OCI image layout: a directory, or the same in an uncompressed tar file. No `name` means its only image. */
  | { readonly kind: 'oci' | 'oci-archive'; readonly path: string; readonly name: string | undefined }
  /** An image that is part of Isopod itself. */
  | { readonly kind: 'embedded'; readonly name: string };

export interface RegistryReference {
  readonly kind: 'registry';
  /** Host and optional port; `docker.io` for Docker Hub. */
  readonly registry: string;
  /** Slash-separated, with `library/` where Docker Hub's short names leave it out. */
  readonly repository: string;
  /** `latest` when neither tag nor digest was given. */
  readonly tag: string | undefined;
  /** Decides when there is a tag as well. */
  readonly digest: Digest | undefined;
}

export const imageReferenceErrors = defineErrors('image-reference', {
  malformed: {
    kind: 'invalid-argument',
    message: (d: { text: string; reason: string }) =>
      `image reference ${JSON.stringify(d.text)} is malformed: ${d.reason}`,
    remedy: () => 'write NAME[:TAG][@DIGEST], REGISTRY/NAME[:TAG], oci:DIRECTORY[:TAG] or oci-archive:FILE[:TAG]',
  },
});

const DOCKER_HUB = 'docker.io';
const DEFAULT_TAG = 'latest';
/** Bound of registry and repository together, as in the distribution project's reference grammar. */
const MAX_NAME = 255;
const MAX_TEXT = 4096;

const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const PATH_PART = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const HOST_LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/;
const IPV6_HOST = /^\[[0-9A-Fa-f:]+\]$/;
const BARE_ID = /^[0-9a-f]{64}$/;
const EMBEDDED = /^[a-z][a-z0-9-]{0,31}$/;
/** What a layout's `org.opencontainers.image.ref.name` may hold (OCI image-spec v1.1, annotations.md). */
const LAYOUT_NAME = /^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,254}$/;

/**
 * Parses what a user wrote, with Docker's rules for short names: no registry means Docker Hub, one part there means
 * `library/`, no tag and no digest means `latest`.
 *
 * @throws {EngineError} `image-reference.malformed` (invalid-argument)
 */
export function parseImageReference(text: string): ImageReference {
  if (text.length === 0) throw malformed(text, 'it is empty');
  if (text.length > MAX_TEXT) throw malformed(`${text.slice(0, 64)}…`, `it has more than ${MAX_TEXT} characters`);
  if (text.includes('\0')) throw malformed(text, 'it holds a NUL character');
  for (const kind of ['oci', 'oci-archive'] as const) {
    if (text.startsWith(`${kind}:`)) return parseLocal(text, kind);
  }
  if (text.startsWith('embedded:')) return parseEmbedded(text);
  return parseRegistryReference(text);
}

/** The one spelling of a reference: parsing it gives the same reference again. */
export function formatImageReference(reference: ImageReference): string {
  switch (reference.kind) {
    case 'oci':
    case 'oci-archive':
      return `${reference.kind}:${reference.path}${reference.name === undefined ? '' : `:${reference.name}`}`;
    case 'embedded':
      return `embedded:${reference.name}`;
    case 'registry': {
      const { registry, repository, tag, digest } = reference;
      return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
    }
  }
}

/** As users write it: without `docker.io/` and `library/`. */
export function shortImageReference(reference: ImageReference): string {
  const full = formatImageReference(reference);
  if (reference.kind !== 'registry' || reference.registry !== DOCKER_HUB) return full;
  const short = full.replace(/^docker\.io\/(?:library\/(?=[^/]+$))?/, '');
  // `docker.io/a.b/c` and `docker.io/library/oci:x` would mean something else without their registry.
  const first = short.split('/', 1)[0] ?? '';
  const ambiguous = short.includes('/') ? isRegistryHost(first) : /^(?:oci|oci-archive|embedded):/.test(short);
  return ambiguous ? full : short;
}

/**
 * A relative `oci:` or `oci-archive:` path made absolute. The agent runs in `/`: whoever knows the user's directory does
 * this before it asks the agent.
 */
export function withAbsolutePath(reference: ImageReference, directory: string): ImageReference {
  if (reference.kind !== 'oci' && reference.kind !== 'oci-archive') return reference;
  if (reference.path.startsWith('/')) return reference;
  return { ...reference, path: `${directory.replace(/\/+$/, '')}/${reference.path.replace(/^(?:\.\/+)+/, '')}` };
}

function parseRegistryReference(text: string): RegistryReference {
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) {
    throw malformed(text, `${JSON.stringify(digest)} is not sha256: and 64 lower-case hex digits`);
  }
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const name = hasTag ? named.slice(0, colon) : named;
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) throw malformed(text, `${JSON.stringify(tag)} is not a tag`);
  const { registry, repository } = splitName(text, name);
  return {
    kind: 'registry',
    registry,
    repository,
    tag: tag ?? (digest === undefined ? DEFAULT_TAG : undefined),
    digest,
  };
}

function splitName(text: string, name: string): { registry: string; repository: string } {
  if (BARE_ID.test(name)) throw malformed(text, 'a name of 64 hex digits is an image id, not a repository');
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const explicit = isRegistryHost(first);
  const registry = !explicit || first === `index.${DOCKER_HUB}` ? DOCKER_HUB : first;
  const path = explicit ? name.slice(slash + 1) : name;
  if (explicit) checkHost(text, first);
  checkPath(text, path);
  const repository = registry === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path;
  if (registry.length + 1 + repository.length > MAX_NAME) {
    throw malformed(text, `the name has more than ${MAX_NAME} characters`);
  }
  return { registry, repository };
}

/** Docker's rule: the first part is a registry when it could not be the first part of a repository. */
function isRegistryHost(part: string): boolean {
  return part === 'localhost' || /[.:[\]]/.test(part) || /[A-Z]/.test(part);
}

function checkHost(text: string, host: string): void {
  const port = /:([0-9]{1,5})$/.exec(host)?.[1];
  const name = port === undefined ? host : host.slice(0, -port.length - 1);
  const valid = IPV6_HOST.test(name) || name.split('.').every((label) => HOST_LABEL.test(label));
  if (!valid || (port !== undefined && (Number(port) === 0 || Number(port) > 65535))) {
    throw malformed(text, `${JSON.stringify(host)} is not a registry host with an optional port`);
  }
}

function checkPath(text: string, path: string): void {
  if (path === '') throw malformed(text, 'the repository is missing');
  if (path !== path.toLowerCase()) throw malformed(text, `repository ${JSON.stringify(path)} must be lower case`);
  for (const part of path.split('/')) {
    if (!PATH_PART.test(part)) {
      throw malformed(text, `${JSON.stringify(part)} is not letters and digits joined by single . _ or -`);
    }
  }
}

function parseLocal(text: string, kind: 'oci' | 'oci-archive'): ImageReference {
  const rest = text.slice(kind.length + 1);
  // The first colon ends the path: names with colons and slashes are common, paths with colons are not.
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const name = colon < 0 ? undefined : rest.slice(colon + 1);
  if (path === '') throw malformed(text, kind === 'oci' ? 'the directory is missing' : 'the file is missing');
  if (name !== undefined && !LAYOUT_NAME.test(name)) throw malformed(text, `${JSON.stringify(name)} is not a tag`);
  return { kind, path, name };
}

function parseEmbedded(text: string): ImageReference {
  const name = text.slice('embedded:'.length);
  if (!EMBEDDED.test(name)) throw malformed(text, `${JSON.stringify(name)} is not the name of an embedded image`);
  return { kind: 'embedded', name };
}

function malformed(text: string, reason: string): Error {
  return imageReferenceErrors.malformed({ text, reason });
}
