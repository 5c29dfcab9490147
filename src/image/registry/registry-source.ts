import { type Digest, isDigest } from '../../model/digest.ts';
import { EngineError } from '../../model/error.ts';
import { formatImageReference, type RegistryReference } from '../../model/image-reference.ts';
import { sha256Of } from '../config-document.ts';
import { contentErrors, readVerified } from '../layer-stream.ts';
import type { ImageLimits } from '../limits.ts';
import type { Descriptor } from '../manifest.ts';
import { ACCEPTED_MANIFESTS } from '../media-types.ts';
import type { FetchedManifest, ImageSource } from '../source.ts';
import { registryErrors } from './errors.ts';
import { type HostClient, type HostRequest, refusedBy } from './host-client.ts';
import { fetchReferrers } from './referrers.ts';
import type { RegistryResponse } from './response.ts';
import { resumedBlob } from './resumed-blob.ts';
import { isSchema1Type, SCHEMA1_TYPES } from './schema1.ts';
import { type ConvertedImage, convertSchema1 } from './schema1-image.ts';
import type { RegistrySession } from './session.ts';

const ACCEPT = [...ACCEPTED_MANIFESTS, ...SCHEMA1_TYPES].join(', ');
const MANIFEST_ATTEMPTS = 3;

/** An image in a registry that speaks the OCI distribution protocol (v1.1). */
export class RegistrySource implements ImageSource {
  readonly name: string;
  readonly pinned: Digest | undefined;
  readonly #reference: RegistryReference;
  readonly #session: RegistrySession;
  readonly #limits: ImageLimits;
  /** Of an image in schema 1, which has neither config nor manifest that anybody could use. */
  #converted: ConvertedImage | undefined;

  constructor(reference: RegistryReference, session: RegistrySession, limits: ImageLimits) {
    this.name = formatImageReference(reference);
    this.pinned = reference.digest;
    this.#reference = reference;
    this.#session = session;
    this.#limits = limits;
  }

  close(): void {
    this.#session.close();
  }

  async root(signal: AbortSignal): Promise<FetchedManifest> {
    const selector = this.pinned ?? this.#reference.tag ?? 'latest';
    const { registry } = this.#reference;
    const fetched = await this.#manifest(selector, signal, () =>
      registryErrors.unknownImage({ image: this.name, registry }),
    );
    const { bytes, mediaType } = fetched;
    if (mediaType !== undefined && isSchema1Type(mediaType)) {
      return await this.#convert(bytes, this.pinned ?? fetched.announced, signal);
    }
    const expected = this.pinned ?? fetched.announced;
    const actual = sha256Of(bytes);
    if (expected !== undefined && expected !== actual) {
      throw contentErrors.wrongDigest({ what: `the manifest of ${this.name}`, expected, actual });
    }
    return { mediaType, bytes };
  }

  async manifest(descriptor: Descriptor, signal: AbortSignal): Promise<FetchedManifest> {
    const { bytes, mediaType } = await this.#manifest(descriptor.digest, signal, () => this.#lost(descriptor));
    const checked = await readVerified(only(bytes), descriptor, {
      what: `manifest ${descriptor.digest} of ${this.name}`,
      limitBytes: this.#limits.maxManifestBytes,
    });
    return { mediaType: mediaType ?? descriptor.mediaType, bytes: checked };
  }

  async *blob(descriptor: Descriptor, signal: AbortSignal, startByte = 0): AsyncGenerator<Uint8Array, void, undefined> {
    const own = this.#converted?.blob(descriptor.digest);
    if (own !== undefined) {
      yield own.subarray(startByte);
      return;
    }
    const check = async (response: RegistryResponse, host: HostClient): Promise<void> => {
      if (response.status === 404) {
        response.discard();
        throw this.#lost(descriptor);
      }
      await this.#expectOk(response, host);
    };
    const path = `${this.#reference.repository}/blobs/${descriptor.digest}`;
    const attempts = this.#limits.requestAttempts;
    yield* resumedBlob(await this.#session.hosts('pull'), { path, descriptor, startByte, attempts, signal, check });
  }

  async referrers(subject: Digest, signal: AbortSignal): Promise<readonly Descriptor[]> {
    return await fetchReferrers(this.#session, this.#reference, { subject, signal, limits: this.#limits });
  }

  /** @param missing the error when nobody has it */
  async #manifest(
    selector: string,
    signal: AbortSignal,
    missing: () => Error,
  ): Promise<FetchedManifest & { readonly announced: Digest | undefined }> {
    const path = `${this.#reference.repository}/manifests/${selector}`;
    const request: HostRequest = { path, headers: { accept: ACCEPT }, signal };
    for (let attempt = 1; ; attempt++) {
      const { host, response } = await this.#session.get(isDigest(selector) ? 'pull' : 'resolve', request);
      if (response.status === 404) {
        response.discard();
        throw missing();
      }
      await this.#expectOk(response, host);
      try {
        const bytes = await response.bytes('manifest', this.#limits.maxManifestBytes);
        const announced = response.header('docker-content-digest') ?? '';
        return { bytes, mediaType: mediaTypeOf(response), announced: isDigest(announced) ? announced : undefined };
      } catch (error) {
        const isBroken = error instanceof EngineError && error.code === 'registry.cutShort';
        if (!isBroken || attempt >= MANIFEST_ATTEMPTS) throw error;
        await host.pause({ failures: attempt, attempts: MANIFEST_ATTEMPTS, reason: error.message }, signal);
      }
    }
  }

  async #convert(bytes: Uint8Array, expected: Digest | undefined, signal: AbortSignal): Promise<FetchedManifest> {
    this.#converted = await convertSchema1(bytes, {
      ...{ from: this.name, expected, limits: this.#limits },
      sizeOf: (digest) => this.#sizeOf(digest, signal),
      blob: (descriptor) => this.blob(descriptor, signal),
    });
    return this.#converted.manifest;
  }

  /** Schema 1 does not tell how long its layers are. */
  async #sizeOf(digest: Digest, signal: AbortSignal): Promise<number> {
    const path = `${this.#reference.repository}/blobs/${digest}`;
    const { host, response } = await this.#session.get('pull', { method: 'HEAD', path, signal });
    response.discard();
    if (response.status === 404) throw this.#lost({ digest });
    await this.#expectOk(response, host);
    const sizeBytes = Number(response.header('content-length') ?? Number.NaN);
    if (Number.isSafeInteger(sizeBytes)) return sizeBytes;
    throw registryErrors.badAnswer({
      host: host.name,
      what: `length of ${digest}`,
      reason: 'Content-Length is missing',
    });
  }

  #lost({ digest }: { readonly digest: Digest }): Error {
    return registryErrors.unknownBlob({ image: this.name, digest, registry: this.#reference.registry });
  }

  async #expectOk(response: RegistryResponse, host: HostClient): Promise<void> {
    const { status } = response;
    if (status === 200) return;
    const answer = await response.excerpt();
    const { registry } = this.#reference;
    if (status === 401 || status === 403) throw refusedBy(host, { image: this.name, registry, status, answer });
    throw registryErrors.failing({ host: host.name, status, answer });
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

/** The Content-Type without its parameters. */
function mediaTypeOf(response: RegistryResponse): string | undefined {
  return response.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
}
