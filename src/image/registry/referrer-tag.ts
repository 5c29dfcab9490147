import { type Digest, isDigest } from '../../model/digest.ts';
import { sha256Of } from '../config-document.ts';
import { asArray, parseJsonObject, type Refuse } from '../json-fields.ts';
import type { ImageLimits } from '../limits.ts';
import { OCI_INDEX } from '../media-types.ts';
import type { ManifestContent } from '../target.ts';
import { registryErrors } from './errors.ts';
import type { HostClient } from './host-client.ts';
import { referrersTag } from './referrers.ts';
import type { RegistryResponse } from './response.ts';
import { refusal } from './upload.ts';

/** The manifest that one refers to; `undefined` when it refers to none. */
export function subjectOf({ bytes }: ManifestContent): Digest | undefined {
  const { subject } = read(bytes) as { readonly subject?: { readonly digest?: unknown } };
  const digest = subject?.digest;
  return typeof digest === 'string' && isDigest(digest) ? digest : undefined;
}

/**
 * Notes what refers to a manifest under its referrers tag, for a registry that does not do that itself (distribution spec v1.1,
 * "Pushing Manifests with Subject"). What others have noted there stays; two at once may lose one of them, which the spec knows.
 */
export async function addReferrer(
  host: HostClient,
  manifest: ManifestContent,
  context: {
    readonly repository: string;
    readonly subject: Digest;
    readonly put: (path: string, content: ManifestContent) => Promise<RegistryResponse>;
    readonly limits: ImageLimits;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { repository, subject, put, limits, signal } = context;
  const path = `${repository}/manifests/${referrersTag(subject)}`;
  const present = await host.request({ path, headers: { accept: OCI_INDEX }, signal });
  const noted = await notedIn(host, present, limits);
  if (noted.some((entry) => (entry as { readonly digest?: unknown }).digest === manifest.digest)) return;
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [...noted, entryOf(manifest)] };
  const bytes = Buffer.from(JSON.stringify(index));
  const response = await put(path, { mediaType: OCI_INDEX, digest: sha256Of(bytes), bytes });
  if (response.status !== 201 && response.status !== 200)
    throw await refusal(host, response, `list of referrers of ${subject}`);
  response.discard();
}

async function notedIn(host: HostClient, response: RegistryResponse, limits: ImageLimits): Promise<readonly unknown[]> {
  if (response.status === 404) {
    response.discard();
    return [];
  }
  const what = 'list of referrers';
  if (response.status !== 200) throw await refusal(host, response, what);
  const refuse: Refuse = (reason) => {
    throw registryErrors.badAnswer({ host: host.name, what, reason });
  };
  const bytes = await response.bytes(what, limits.maxManifestBytes);
  return asArray(parseJsonObject(bytes, refuse).manifests ?? [], 'manifests', refuse);
}

function entryOf({ mediaType, digest, bytes }: ManifestContent): object {
  const { artifactType, config, annotations } = read(bytes) as {
    readonly artifactType?: unknown;
    readonly config?: { readonly mediaType?: unknown };
    readonly annotations?: unknown;
  };
  const kind = artifactType ?? config?.mediaType;
  return {
    ...{ mediaType, digest, size: bytes.length },
    ...(typeof kind === 'string' && kind !== '' && { artifactType: kind }),
    ...(typeof annotations === 'object' && annotations !== null && { annotations }),
  };
}

/** What is pushed was checked by whoever read it; what is not an object refers to nothing. */
function read(bytes: Uint8Array): object {
  try {
    const document: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return typeof document === 'object' && document !== null ? document : {};
  } catch {
    return {};
  }
}
