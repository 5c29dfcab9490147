import { isDigest } from '../../model/digest.ts';
import { formatImageReference, type RegistryReference } from '../../model/image-reference.ts';
import type { ImageLimits } from '../limits.ts';
import type { Descriptor } from '../manifest.ts';
import type { ImageTarget, ManifestContent } from '../target.ts';
import { pushErrors, registryErrors } from './errors.ts';
import { type HostClient, refusedBy } from './host-client.ts';
import { addReferrer, subjectOf } from './referrer-tag.ts';
import type { RegistryResponse } from './response.ts';
import { chiefHost, type RegistrySession } from './session.ts';
import { cancelUpload, placeOf, refusal, uploadBlob } from './upload.ts';

/** A repository of a registry as a place for an image. Blobs are of no use to anybody before a manifest names them. */
export class RegistryTarget implements ImageTarget {
  readonly name: string;
  readonly #reference: RegistryReference;
  readonly #session: RegistrySession;
  readonly #limits: ImageLimits;
  readonly #mountFrom: readonly string[];
  /** Sessions that a refused mount has opened, by digest: the blob goes there. */
  readonly #opened = new Map<string, URL>();
  /** What the reference shall name: it makes the image visible, so it waits for `finish`. */
  #root: ManifestContent | undefined;

  constructor(
    reference: RegistryReference,
    session: RegistrySession,
    options: { readonly limits: ImageLimits; readonly mountFrom: readonly string[] },
  ) {
    this.name = formatImageReference(reference);
    this.#reference = reference;
    this.#session = session;
    this.#limits = options.limits;
    this.#mountFrom = options.mountFrom.filter((repository) => repository !== reference.repository);
  }

  async hasBlob(descriptor: Descriptor, signal: AbortSignal): Promise<boolean> {
    const host = await this.#host();
    const path = `${this.#reference.repository}/blobs/${descriptor.digest}`;
    const response = await host.request({ method: 'HEAD', path, signal });
    response.discard();
    if (response.status === 200) return true;
    // A HEAD has no body to say why; the request that follows is refused with one.
    if (response.status !== 404) await this.#checkAccess(host, response);
    for (const from of this.#mountFrom) {
      if (await this.#mount(host, descriptor, { from, signal })) return true;
    }
    return false;
  }

  async putBlob(descriptor: Descriptor, content: () => AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const host = await this.#host();
    const opened = this.#opened.get(descriptor.digest);
    this.#opened.delete(descriptor.digest);
    const { repository } = this.#reference;
    const attempts = this.#limits.requestAttempts;
    await uploadBlob(host, { repository, descriptor, content, opened, attempts, signal });
  }

  async putManifest(manifest: ManifestContent, role: 'root' | 'part', signal: AbortSignal): Promise<void> {
    const { digest } = this.#reference;
    if (role === 'part') {
      await this.#send(manifest, manifest.digest, signal);
      return;
    }
    if (digest !== undefined && digest !== manifest.digest) {
      throw pushErrors.digestNamed({ target: this.name, expected: digest, actual: manifest.digest });
    }
    this.#root = manifest;
  }

  async finish(signal: AbortSignal): Promise<void> {
    const root = this.#root;
    if (root === undefined) return;
    await this.#send(root, this.#reference.tag ?? root.digest, signal);
    this.#root = undefined;
  }

  async #send(manifest: ManifestContent, selector: string, signal: AbortSignal): Promise<void> {
    const { repository } = this.#reference;
    const host = await this.#host();
    const what = `manifest ${manifest.digest}`;
    const response = await this.#put(host, `${repository}/manifests/${selector}`, manifest, signal);
    if (response.status !== 201 && response.status !== 200) {
      await this.#checkAccess(host, response);
      throw await refusal(host, response, what);
    }
    const stored = response.header('docker-content-digest');
    const knowsReferrers = response.header('oci-subject') !== undefined;
    response.discard();
    if (stored !== undefined && isDigest(stored) && stored !== manifest.digest) {
      throw pushErrors.wrongDigest({ host: host.name, what, expected: manifest.digest, actual: stored });
    }
    const subject = subjectOf(manifest);
    if (subject === undefined || knowsReferrers) return;
    const put = (path: string, content: ManifestContent) => this.#put(host, path, content, signal);
    await addReferrer(host, manifest, { repository, subject, put, limits: this.#limits, signal });
  }

  async close(): Promise<void> {
    for (const place of this.#opened.values()) await cancelUpload(await this.#host(), place);
    this.#opened.clear();
    this.#session.close();
  }

  /** Only one host is pushed to, and no mirror unless it is said of it. @throws {EngineError} `registry-hosts.noneMay` */
  async #host(): Promise<HostClient> {
    return chiefHost(await this.#session.hosts('push'));
  }

  /** Asks for a blob of another repository (distribution spec v1.1, "Mounting a blob from another repository"). */
  async #mount(
    host: HostClient,
    descriptor: Descriptor,
    { from, signal }: { readonly from: string; readonly signal: AbortSignal },
  ): Promise<boolean> {
    const query = new URLSearchParams({ mount: descriptor.digest, from });
    const path = `${this.#reference.repository}/blobs/uploads/?${query.toString()}`;
    const response = await host.request({ method: 'POST', path, headers: { 'content-length': '0' }, signal });
    if (response.status === 202) {
      const earlier = this.#opened.get(descriptor.digest);
      this.#opened.set(descriptor.digest, placeOf(host, response, `blob ${descriptor.digest}`));
      if (earlier !== undefined) await cancelUpload(host, earlier);
      return false;
    }
    if (response.status !== 201) await this.#checkAccess(host, response);
    response.discard();
    return response.status === 201;
  }

  async #put(
    host: HostClient,
    path: string,
    manifest: ManifestContent,
    signal: AbortSignal,
  ): Promise<RegistryResponse> {
    const { bytes, mediaType } = manifest;
    const body = { sizeBytes: bytes.length, content: () => only(bytes) };
    return await host.request({ method: 'PUT', path, headers: { 'content-type': mediaType }, body, signal });
  }

  async #checkAccess(host: HostClient, response: RegistryResponse): Promise<void> {
    const { status } = response;
    const { registry } = this.#reference;
    if (status === 401 || status === 403) {
      const answer = await response.excerpt();
      throw refusedBy(host, { image: this.name, registry, status, answer });
    }
    if (status === 429 || status >= 500) {
      throw registryErrors.failing({ host: host.name, status, answer: await response.excerpt() });
    }
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
