import { type Digest, isDigest } from './digest.ts';
import { defineErrors } from './error.ts';
import { foreignTransport } from './foreign-transport.ts';

/** Where an image comes from, as a user names it. */
export type ImageReference =
  | RegistryReference
  /**
   * Images in a file or directory of this machine: an OCI image layout, the same in a tar file, or what `docker save`
   * writes. No `name` means the only image there is; `@2` is the third one of a docker-archive.
   */
  | { readonly kind: 'oci' | 'oci-archive'; readonly path: string; readonly name: string | undefined }
  | { readonly kind: 'docker-archive'; readonly path: string; readonly name: string | undefined }
  /** A root file system: a directory of this machine, or a tar file of one. */
  | { readonly kind: 'dir'; readonly path: string }
  | { readonly kind: 'tar'; readonly path: string }
  /** An image of a Docker engine that runs here, by its short name or its id. */
  | { readonly kind: 'docker-daemon'; readonly name: string }
  /** An image of App Container (appc): a file, a URL, or a name that is found by discovery. */
  | { readonly kind: 'aci'; readonly place: string }
  /** An image that is part of Isopod itself. */
  | { readonly kind: 'embedded'; readonly name: string };

type NamedArchive = 'oci' | 'oci-archive' | 'docker-archive';

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
    remedy: () => `write ${SERVED}`,
  },
  foreignTransport: {
    kind: 'invalid-argument',
    message: (d: { text: string; transport: string }) =>
      `image reference ${JSON.stringify(d.text)} is of the transport ${d.transport}:, which is not served here`,
    remedy: (d: { text: string }) =>
      `write ${SERVED}; skopeo copy ${d.text} oci:DIRECTORY:TAG brings it to one of these`,
  },
});

const SERVED =
  'NAME[:TAG][@DIGEST], REGISTRY/NAME[:TAG], oci:DIRECTORY[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], dir:DIRECTORY, tar:FILE, docker-daemon:NAME or aci:NAME';
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
/** One of an archive's images by its place in it, as skopeo writes it. */
const ARCHIVE_PLACE = /^@[0-9]{1,4}$/;
const WITH_SCHEME = /^(?:oci|oci-archive|docker-archive|docker-daemon|dir|tar|aci|embedded):/;
const DIGEST_OR_ID = /^(?:sha256:)?[0-9a-f]{12,64}$/;
/** Name, version and labels of an appc image (appc spec 0.8, "AC Identifier Type" and "App Container Image Discovery"); a host may have a port. */
const ACI_NAME =
  /^[a-z0-9]+(?:[-._~][a-z0-9]+)*(?::[0-9]{1,5}(?=\/))?(?:[-._~/][a-z0-9]+)*(?::[A-Za-z0-9._+-]+)?(?:,[a-z0-9.-]+=[A-Za-z0-9._+-]+)*$/;
/** What a layout's `org.opencontainers.image.ref.name` may hold (OCI image-spec v1.1, annotations.md). */
const LAYOUT_NAME = /^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,254}$/;

/**
 * Parses what a user wrote, with Docker's rules for short names: no registry means Docker Hub, one part there means
 * `library/`, no tag and no digest means `latest`.
 *
 * @throws {EngineError} `image-reference.malformed`, `.foreignTransport` (invalid-argument)
 */
export function parseImageReference(text: string): ImageReference {
  if (text.length === 0) throw malformed(text, 'it is empty');
  if (text.length > MAX_TEXT) throw malformed(`${text.slice(0, 64)}…`, `it has more than ${MAX_TEXT} characters`);
  if (text.includes('\0')) throw malformed(text, 'it holds a NUL character');
  const transport = foreignTransport(text, isTag);
  if (transport !== undefined) throw imageReferenceErrors.foreignTransport({ text, transport });
  const scheme = WITH_SCHEME.exec(text)?.[0].slice(0, -1);
  switch (scheme) {
    case 'oci':
    case 'oci-archive':
    case 'docker-archive':
      return parseNamed(text, scheme);
    case 'dir':
    case 'tar':
      return parseRootfs(text, scheme);
    case 'docker-daemon':
      return parseDaemon(text);
    case 'aci':
      return parseAci(text);
    case 'embedded':
      return parseEmbedded(text);
    default:
      // skopeo's and podman's spelling of an image in a registry.
      return parseRegistryReference(text, text.startsWith('docker://') ? text.slice('docker://'.length) : text);
  }
}

/** The one spelling of a reference: parsing it gives the same reference again. */
export function formatImageReference(reference: ImageReference): string {
  switch (reference.kind) {
    case 'oci':
    case 'oci-archive':
    case 'docker-archive':
      return `${reference.kind}:${reference.path}${reference.name === undefined ? '' : `:${reference.name}`}`;
    case 'dir':
    case 'tar':
      return `${reference.kind}:${reference.path}`;
    case 'embedded':
    case 'docker-daemon':
      return `${reference.kind}:${reference.name}`;
    case 'aci':
      return `aci:${reference.place}`;
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
  const ambiguous = short.includes('/') ? isRegistryHost(first) : isOfTransport(short);
  return ambiguous ? full : short;
}

function isOfTransport(text: string): boolean {
  return WITH_SCHEME.test(text) || foreignTransport(text, isTag) !== undefined;
}

function isTag(text: string): boolean {
  return TAG.test(text);
}

/** The path of this machine that a reference names, if it names one. */
export function pathOfReference(reference: ImageReference): string | undefined {
  switch (reference.kind) {
    case 'oci':
    case 'oci-archive':
    case 'docker-archive':
    case 'dir':
    case 'tar':
      return reference.path;
    case 'aci':
      return isAciPath(reference.place) ? reference.place : undefined;
    default:
      return undefined;
  }
}

/**
 * A relative path of this machine made absolute. The agent runs in `/`: whoever knows the user's directory does this
 * before it asks the agent.
 */
export function withAbsolutePath(reference: ImageReference, directory: string): ImageReference {
  const path = pathOfReference(reference);
  if (path === undefined || path.startsWith('/')) return reference;
  const absolute = `${directory.replace(/\/+$/, '')}/${path.replace(/^(?:\.\/+)+/, '')}`;
  return reference.kind === 'aci'
    ? { kind: 'aci', place: absolute }
    : ({ ...reference, path: absolute } as ImageReference);
}

/** @param reference the text without a scheme; errors show `text` */
function parseRegistryReference(text: string, reference = text): RegistryReference {
  const at = reference.indexOf('@');
  const named = at < 0 ? reference : reference.slice(0, at);
  const digest = at < 0 ? undefined : reference.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) {
    throw malformed(text, `${JSON.stringify(digest)} is not sha256: and 64 lower-case hex digits`);
  }
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const name = hasTag ? named.slice(0, colon) : named;
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !isTag(tag)) throw malformed(text, `${JSON.stringify(tag)} is not a tag`);
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

function parseNamed(text: string, kind: NamedArchive): ImageReference {
  const rest = text.slice(kind.length + 1);
  // The first colon ends the path: names with colons and slashes are common, paths with colons are not.
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const name = colon < 0 ? undefined : rest.slice(colon + 1);
  if (path === '') throw malformed(text, kind === 'oci' ? 'the directory is missing' : 'the file is missing');
  const isPlace = kind === 'docker-archive' && name !== undefined && ARCHIVE_PLACE.test(name);
  if (name !== undefined && !isPlace && !LAYOUT_NAME.test(name)) {
    throw malformed(text, `${JSON.stringify(name)} is not a tag`);
  }
  return { kind, path, name };
}

function parseRootfs(text: string, kind: 'dir' | 'tar'): ImageReference {
  const path = text.slice(kind.length + 1);
  if (path === '') throw malformed(text, kind === 'dir' ? 'the directory is missing' : 'the file is missing');
  return { kind, path };
}

function parseDaemon(text: string): ImageReference {
  const name = text.slice('docker-daemon:'.length);
  if (name === '') throw malformed(text, 'the name of the image is missing');
  if (DIGEST_OR_ID.test(name)) return { kind: 'docker-daemon', name };
  return { kind: 'docker-daemon', name: shortImageReference(parseRegistryReference(text, name)) };
}

function isAciPath(place: string): boolean {
  return /^[./]/.test(place) || (place.endsWith('.aci') && !place.includes('://'));
}

function parseAci(text: string): ImageReference {
  const place = text.slice('aci:'.length);
  if (place === '') throw malformed(text, 'the file, URL or name is missing');
  if (place.includes('://') ? !/^https?:\/\/[^/?#@]+\//.test(place) : !isAciPath(place) && !ACI_NAME.test(place)) {
    throw malformed(
      text,
      `${JSON.stringify(place)} is no file, no http URL and no appc name such as example.com/app:1.0`,
    );
  }
  return { kind: 'aci', place };
}

function parseEmbedded(text: string): ImageReference {
  const name = text.slice('embedded:'.length);
  if (!EMBEDDED.test(name)) throw malformed(text, `${JSON.stringify(name)} is not the name of an embedded image`);
  return { kind: 'embedded', name };
}

function malformed(text: string, reason: string): Error {
  return imageReferenceErrors.malformed({ text, reason });
}
