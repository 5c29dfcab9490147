import { type Digest, isDigest } from '../../model/digest.ts';
import { EngineError } from '../../model/error.ts';
import { formatImageReference, type RegistryReference } from '../../model/image-reference.ts';
import { sha256Of } from '../config-document.ts';
import { contentErrors, readVerified } from '../layer-stream.ts';
import type { ImageLimits } from '../limits.ts';
import type { Descriptor } from '../manifest.ts';
import { ACCEPTED_MANIFESTS } from '../media-types.ts';
import type { FetchedManifest, ImageSource } from '../source.ts';
import { BlobSenders } from './blob-senders.ts';
import { registryErrors } from './errors.ts';
import type { HostFailure } from './failures.ts';
import { type HostClient, type HostRequest, refusedBy } from './host-client.ts';
import { type ManifestAnswer, readManifestAnswer } from './manifest-answer.ts';
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
  readonly #senders = new BlobSenders();
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
    const missing = () => registryErrors.unknownImage({ image: this.name, registry });
    const fetched = await this.#manifest(selector, signal, { missing, check: (answer) => this.#checkRoot(answer) });
    const { bytes, mediaType } = fetched;
    if (mediaType !== undefined && isSchema1Type(mediaType)) {
      return await this.#convert(bytes, this.pinned ?? fetched.announced, signal);
    }
    return { mediaType, bytes };
  }

  #checkRoot({ bytes, mediaType, announced, host }: ManifestAnswer): void {
    // The digest of schema 1 is that of what was signed.
    if (mediaType !== undefined && isSchema1Type(mediaType)) return;
    const expected = this.pinned ?? announced;
    const actual = sha256Of(bytes);
    if (expected === undefined || expected === actual) return;
    throw contentErrors.wrongDigest({
      what: `the manifest of ${this.name} from registry ${host.name}`,
      ...{ expected, actual },
    });
  }

  async manifest(descriptor: Descriptor, signal: AbortSignal): Promise<FetchedManifest> {
    const limitBytes = this.#limits.maxManifestBytes;
    const { bytes, mediaType } = await this.#manifest(descriptor.digest, signal, {
      missing: () => this.#lost(descriptor),
      check: async (answer) => {
        const what = `manifest ${descriptor.digest} of ${this.name} from registry ${answer.host.name}`;
        await readVerified(only(answer.bytes), descriptor, { what, limitBytes });
      },
    });
    return { mediaType: mediaType ?? descriptor.mediaType, bytes };
  }

  async *blob(descriptor: Descriptor, signal: AbortSignal, startByte = 0): AsyncGenerator<Uint8Array, void, undefined> {
    const own = this.#converted?.blob(descriptor.digest);
    if (own !== undefined) {
      yield own.subarray(startByte);
      return;
    }
    const check = (response: RegistryResponse, host: HostClient): Promise<void> =>
      this.#expectFound(response, host, () => this.#lost(descriptor));
    const path = `${this.#reference.repository}/blobs/${descriptor.digest}`;
    const attempts = this.#limits.requestAttempts;
    const reading = this.#senders.begin(descriptor.digest, await this.#session.hosts('pull'));
    const onLeft = (failure: HostFailure, next: HostClient): void => this.#session.leave(failure, next);
    yield* resumedBlob(reading, { path, descriptor, startByte, attempts, signal, check, onLeft });
  }

  distrust(digest: Digest, error: EngineError, chances: 'all' | 'one'): EngineError | undefined {
    const told = this.#senders.distrust(digest, error, chances);
    if (told instanceof EngineError) return told;
    for (const failure of told.left) this.#session.leave(failure, told.next);
    return undefined;
  }

  async referrers(subject: Digest, signal: AbortSignal): Promise<readonly Descriptor[]> {
    return await fetchReferrers(this.#session, this.#reference, { subject, signal, limits: this.#limits });
  }

  /**
   * @param options.missing the error when nobody has it
   * @param options.check throws for one that is not what was asked for: the next host is asked for it then
   */
  async #manifest(
    selector: string,
    signal: AbortSignal,
    options: {
      readonly missing: () => Error;
      readonly check: (answer: ManifestAnswer) => void | Promise<void>;
    },
  ): Promise<ManifestAnswer> {
    const path = `${this.#reference.repository}/manifests/${selector}`;
    const request: HostRequest = { path, headers: { accept: ACCEPT }, signal };
    return await this.#session.first(isDigest(selector) ? 'pull' : 'resolve', async (host, isLast) => {
      const attempts = isLast ? MANIFEST_ATTEMPTS : 1;
      for (let attempt = 1; ; attempt++) {
        const response = await host.request(isLast ? request : { ...request, attempts: 1 });
        await this.#expectFound(response, host, options.missing);
        try {
          const answer = await readManifestAnswer(response, host, this.#limits.maxManifestBytes);
          await options.check(answer);
          return answer;
        } catch (error) {
          const isBroken = error instanceof EngineError && error.code === 'registry.cutShort';
          if (!isBroken || attempt >= attempts) throw error;
          await host.pause({ failures: attempt, attempts, reason: error.message }, signal);
        }
      }
    });
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
    return await this.#session.first('pull', async (host, isLast) => {
      const request = { method: 'HEAD', path, signal } as const;
      const response = await host.request(isLast ? request : { ...request, attempts: 1 });
      await this.#expectFound(response, host, () => this.#lost({ digest }));
      response.discard();
      const sizeBytes = Number(response.header('content-length') ?? Number.NaN);
      if (Number.isSafeInteger(sizeBytes)) return sizeBytes;
      const reason = 'Content-Length is missing';
      throw registryErrors.badAnswer({ host: host.name, what: `length of ${digest}`, reason });
    });
  }

  #lost({ digest }: { readonly digest: Digest }): Error {
    return registryErrors.unknownBlob({ image: this.name, digest, registry: this.#reference.registry });
  }

  async #expectFound(response: RegistryResponse, host: HostClient, missing: () => Error): Promise<void> {
    const { status } = response;
    if (status === 200) return;
    if (status === 404) {
      response.discard();
      throw missing();
    }
    const answer = await response.excerpt();
    const { registry } = this.#reference;
    if (status === 401 || status === 403) throw refusedBy(host, { image: this.name, registry, status, answer });
    throw registryErrors.failing({ host: host.name, status, answer });
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
