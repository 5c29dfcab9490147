import { type Digest, digestHex, isDigest } from '../../model/digest.ts';
import type { RegistryReference } from '../../model/image-reference.ts';
import {
  asArray,
  asObject,
  asString,
  optionalString,
  optionalStringMap,
  parseJsonObject,
  type Refuse,
} from '../json-fields.ts';
import type { ImageLimits } from '../limits.ts';
import type { Descriptor } from '../manifest.ts';
import { OCI_INDEX } from '../media-types.ts';
import { registryErrors } from './errors.ts';
import { type HostClient, refusedBy } from './host-client.ts';
import { nextPage } from './links.ts';
import type { RegistryResponse } from './response.ts';
import type { RegistrySession } from './session.ts';

/** A manifest that refers to another one as its subject. */
export interface Referrer extends Descriptor {
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ReferrersRequest {
  /** Of the manifest that is referred to. */
  readonly subject: Digest;
  /** Only those of this type. */
  readonly artifactType?: string;
  readonly signal: AbortSignal;
}

const MAX_PAGES = 50;

/** The tag under which a registry without the API keeps what refers to a manifest (distribution spec v1.1, "Referrers Tag Schema"). */
export function referrersTag(subject: Digest): string {
  return `sha256-${digestHex(subject)}`;
}

/**
 * What refers to a manifest: by the API of the distribution spec v1.1, and where a registry does not have it by the tag schema.
 *
 * @throws {EngineError} permission-denied, unavailable, `registry.badAnswer`
 */
export async function fetchReferrers(
  session: RegistrySession,
  { registry, repository }: Pick<RegistryReference, 'registry' | 'repository'>,
  request: ReferrersRequest & { readonly limits: ImageLimits },
): Promise<readonly Referrer[]> {
  const { subject, artifactType, signal, limits } = request;
  const path = `${repository}/referrers/${subject}`;
  const query = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  const headers = { accept: OCI_INDEX };
  const { host, response } = await session.get('referrers', { path: `${path}${query}`, headers, signal });
  const reader = { registry, repository, signal, limits };
  const isApi = response.status === 200 && response.header('content-type')?.startsWith(OCI_INDEX) === true;
  const found = isApi
    ? await pagesOf(host, response, reader)
    : await taggedOf(session, response, { ...reader, subject });
  // A registry may leave the filter to whoever asks, and tags know none.
  return artifactType === undefined ? found : found.filter((referrer) => referrer.artifactType === artifactType);
}

interface Reader {
  readonly registry: string;
  readonly repository: string;
  readonly signal: AbortSignal;
  readonly limits: ImageLimits;
}

async function pagesOf(host: HostClient, first: RegistryResponse, reader: Reader): Promise<readonly Referrer[]> {
  const found: Referrer[] = [];
  let response = first;
  for (let pages = 1; ; pages++) {
    found.push(...(await readIndex(host, response, reader)));
    const next = nextPage(response.header('link'), response.url);
    if (next === undefined || pages >= MAX_PAGES || found.length >= reader.limits.maxIndexEntries) return found;
    response = await host.request({ path: next, headers: { accept: OCI_INDEX }, signal: reader.signal });
    if (response.status !== 200) throw await refusalOf(host, response, reader);
  }
}

async function taggedOf(
  session: RegistrySession,
  refused: RegistryResponse,
  reader: Reader & { readonly subject: Digest },
): Promise<readonly Referrer[]> {
  refused.discard();
  const path = `${reader.repository}/manifests/${referrersTag(reader.subject)}`;
  const { host, response } = await session.get('resolve', {
    path,
    headers: { accept: OCI_INDEX },
    signal: reader.signal,
  });
  if (response.status === 404) {
    response.discard();
    return [];
  }
  if (response.status !== 200) throw await refusalOf(host, response, reader);
  return await readIndex(host, response, reader);
}

async function refusalOf(
  host: HostClient,
  response: RegistryResponse,
  { registry, repository }: Reader,
): Promise<Error> {
  const { status } = response;
  const answer = await response.excerpt();
  return status === 401 || status === 403
    ? refusedBy(host, { image: repository, registry, status, answer })
    : registryErrors.failing({ host: host.name, status, answer });
}

async function readIndex(host: HostClient, response: RegistryResponse, { limits }: Reader): Promise<Referrer[]> {
  const bytes = await response.bytes('list of referrers', limits.maxManifestBytes);
  const refuse: Refuse = (reason) => {
    throw registryErrors.badAnswer({ host: host.name, what: 'list of referrers', reason });
  };
  return parseReferrers(bytes, refuse);
}

/** The entries of an index of referrers. */
function parseReferrers(bytes: Uint8Array, refuse: Refuse): Referrer[] {
  const manifests = asArray(parseJsonObject(bytes, refuse).manifests ?? [], 'manifests', refuse);
  return manifests.map((value, index) => {
    const what = `manifests[${index}]`;
    const entry = asObject(value, what, refuse);
    const digest = asString(entry.digest, `${what}.digest`, refuse);
    if (!isDigest(digest)) return refuse(`${what}.digest is not sha256: and 64 hex digits`);
    const { size } = entry;
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return refuse(`${what}.size is no length`);
    return {
      mediaType: asString(entry.mediaType, `${what}.mediaType`, refuse),
      ...{ digest, sizeBytes: size },
      artifactType: optionalString(entry, 'artifactType', refuse),
      annotations: optionalStringMap(entry, 'annotations', refuse),
    };
  });
}
