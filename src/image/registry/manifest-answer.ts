import { type Digest, isDigest } from '../../model/digest.ts';
import { parseJsonObject, type Refuse } from '../json-fields.ts';
import { registryErrors } from './errors.ts';
import type { HostClient } from './host-client.ts';
import type { RegistryResponse } from './response.ts';

/** What a host has sent as a manifest. */
export interface ManifestAnswer {
  readonly bytes: Uint8Array;
  /** Without its parameters. */
  readonly mediaType: string | undefined;
  /** By Docker-Content-Digest. */
  readonly announced: Digest | undefined;
  readonly host: HostClient;
}

/** One of them is in each kind of manifest or index, of schema 1 to OCI v1.1. */
const FIELDS = ['schemaVersion', 'mediaType', 'manifests', 'layers', 'fsLayers', 'config', 'blobs'];

/**
 * Reads a manifest, as far as it is one of any kind: a page that a proxy answers with HTTP 200, for example, is none.
 *
 * @throws {EngineError} `registry.badAnswer`, `.cutShort`, `.answerTooLarge`
 */
export async function readManifestAnswer(
  response: RegistryResponse,
  host: HostClient,
  limitBytes: number,
): Promise<ManifestAnswer> {
  const mediaType = response.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  const bytes = await response.bytes('manifest', limitBytes);
  const refuse: Refuse = (reason) => {
    const typed = mediaType === undefined ? reason : `${reason} (Content-Type ${mediaType})`;
    throw registryErrors.badAnswer({ host: host.name, what: 'manifest', reason: typed });
  };
  const document = parseJsonObject(bytes, refuse);
  if (!FIELDS.some((field) => document[field] !== undefined)) refuse('it has no field of a manifest');
  const announced = response.header('docker-content-digest') ?? '';
  return { bytes, mediaType, announced: isDigest(announced) ? announced : undefined, host };
}
