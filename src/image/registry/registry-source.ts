import { type Digest, isDigest } from '../../model/digest.ts';
import { formatImageReference, type RegistryReference } from '../../model/image-reference.ts';
import { sha256Of } from '../config-document.ts';
import { contentErrors, readVerified } from '../layer-stream.ts';
import type { ImageLimits } from '../limits.ts';
import { type Descriptor, parseManifest } from '../manifest.ts';
import { ACCEPTED_MANIFESTS, OCI_INDEX } from '../media-types.ts';
import type { FetchedManifest, ImageSource } from '../source.ts';
import { parseChallenge } from './challenge.ts';
import { registryUrl } from './endpoint.ts';
import { registryErrors } from './errors.ts';
import { fetchToken } from './token.ts';
import { type RegistryResponse, RegistryTransport } from './transport.ts';

/** An image in a registry that speaks the OCI distribution protocol (v1.1). */
export function registrySource(reference: RegistryReference, limits: ImageLimits): ImageSource {
  return new RegistrySource(reference, limits);
}

class RegistrySource implements ImageSource {
  readonly name: string;
  readonly pinned: RegistryReference['digest'];
  readonly #reference: RegistryReference;
  readonly #limits: ImageLimits;
  readonly #base: URL;
  readonly #transport: RegistryTransport;
  #authorization: string | undefined;

  constructor(reference: RegistryReference, limits: ImageLimits) {
    this.name = formatImageReference(reference);
    this.pinned = reference.digest;
    this.#reference = reference;
    this.#limits = limits;
    this.#base = registryUrl(reference.registry);
    this.#transport = new RegistryTransport(limits.stallMs);
  }

  close(): void {
    this.#transport.close();
  }

  async root(signal: AbortSignal): Promise<FetchedManifest> {
    const selector = this.pinned ?? this.#reference.tag ?? 'latest';
    const response = await this.#get(`manifests/${selector}`, signal, ACCEPTED_MANIFESTS);
    if (response.status === 404) {
      response.discard();
      throw registryErrors.unknownImage({ image: this.name, registry: this.#reference.registry });
    }
    await this.#expectOk(response);
    const bytes = await response.bytes('manifest', this.#limits.maxManifestBytes);
    this.#checkManifestDigest(bytes, response);
    return { mediaType: mediaTypeOf(response), bytes };
  }

  async manifest(descriptor: Descriptor, signal: AbortSignal): Promise<FetchedManifest> {
    const response = await this.#get(`manifests/${descriptor.digest}`, signal, ACCEPTED_MANIFESTS);
    await this.#expectPart(response, descriptor);
    const bytes = await readVerified(response.body(), descriptor, {
      what: `manifest ${descriptor.digest} of ${this.name}`,
      limitBytes: this.#limits.maxManifestBytes,
    });
    return { mediaType: mediaTypeOf(response) ?? descriptor.mediaType, bytes };
  }

  async *blob(descriptor: Descriptor, signal: AbortSignal, startByte = 0): AsyncGenerator<Uint8Array, void, undefined> {
    const response = await this.#get(`blobs/${descriptor.digest}`, signal);
    await this.#expectPart(response, descriptor);
    yield* skipped(response.body(), startByte);
  }

  async referrers(subject: Digest, signal: AbortSignal): Promise<readonly Descriptor[]> {
    const response = await this.#get(`referrers/${subject}`, signal, [OCI_INDEX]);
    if (response.status !== 200) {
      response.discard();
      return [];
    }
    const bytes = await response.bytes('list of referrers', this.#limits.maxManifestBytes);
    const index = parseManifest(bytes, { from: this.name, mediaType: OCI_INDEX, limits: this.#limits });
    return index.shape === 'index' ? index.entries : [];
  }

  /** Asks with the token we have; when the registry wants another one, gets it once and asks again. */
  async #get(path: string, signal: AbortSignal, accept?: readonly string[]): Promise<RegistryResponse> {
    const url = new URL(`v2/${this.#reference.repository}/${path}`, this.#base);
    const ask = (): Promise<RegistryResponse> =>
      this.#transport.get({
        url,
        signal,
        authorization: this.#authorization,
        ...(accept === undefined ? {} : { accept }),
      });
    const response = await ask();
    if (response.status !== 401) return response;
    const challenge = parseChallenge(response.headers['www-authenticate'] ?? '');
    if (challenge?.scheme !== 'bearer') return response;
    response.discard();
    const scope = `repository:${this.#reference.repository}:pull`;
    this.#authorization = await fetchToken(this.#transport, this.#base, { challenge, scope, signal });
    return await ask();
  }

  async #expectPart(response: RegistryResponse, descriptor: Descriptor): Promise<void> {
    if (response.status === 404) {
      response.discard();
      throw registryErrors.unknownBlob({
        image: this.name,
        digest: descriptor.digest,
        registry: this.#reference.registry,
      });
    }
    await this.#expectOk(response);
  }

  async #expectOk(response: RegistryResponse): Promise<void> {
    const { status } = response;
    if (status === 200) return;
    const answer = await response.excerpt();
    const { registry } = this.#reference;
    if (status === 401 || status === 403) throw registryErrors.refused({ image: this.name, registry, status, answer });
    throw registryErrors.failing({ host: registry, status, answer });
  }

  #checkManifestDigest(bytes: Uint8Array, response: RegistryResponse): void {
    const actual = sha256Of(bytes);
    const announced = response.headers['docker-content-digest'];
    const expected = this.pinned ?? (typeof announced === 'string' && isDigest(announced) ? announced : undefined);
    if (expected !== undefined && expected !== actual) {
      throw contentErrors.wrongDigest({ what: `the manifest of ${this.name}`, expected, actual });
    }
  }
}

/** What comes after the first bytes. */
async function* skipped(source: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let left = bytes;
  for await (const chunk of source) {
    const passed = chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
    if (passed.length > 0) yield passed;
  }
}

/** The Content-Type without its parameters. */
function mediaTypeOf(response: RegistryResponse): string | undefined {
  return response.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
}
