import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { type BuiltImage, buildImage } from '../built-image.fixture.ts';
import { sha256Of } from '../config-document.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { FakeRegistry } from '../fake-registry.fixture.ts';
import type { Images } from '../images.ts';
import { OCI_MANIFEST } from '../media-types.ts';
import { StoreFixture } from '../store.fixture.ts';
import { TrustFile } from './trust-file.ts';

/** A registry, and a store whose pulls from it are judged by a policy. */
export class JudgedStore {
  readonly registry: FakeRegistry;
  readonly store = new StoreFixture();
  readonly place = new StoreFixture();
  readonly #nowMs: () => number;

  private constructor(registry: FakeRegistry, nowMs: () => number) {
    this.registry = registry;
    this.#nowMs = nowMs;
  }

  static async start(nowMs: () => number = Date.now): Promise<JudgedStore> {
    return new JudgedStore(await FakeRegistry.start(), nowMs);
  }

  async stop(): Promise<void> {
    this.store.remove();
    this.place.remove();
    await this.registry.stop();
  }

  get policyPath(): string {
    return join(this.place.root, 'policy.json');
  }

  /** Writes a file that a policy names. @returns its path */
  file(name: string, content: string | Uint8Array): string {
    const path = join(this.place.root, name);
    writeFileSync(path, content);
    return path;
  }

  /** Asks this of everything in the registry. */
  require(...requirements: readonly object[]): void {
    const transports = { docker: { [this.registry.host]: requirements } };
    this.file('policy.json', JSON.stringify({ default: [{ type: 'reject' }], transports }));
  }

  trust(): TrustFile {
    const { files } = nodeEffects();
    return new TrustFile({ files, clock: { nowMs: this.#nowMs }, stallMs: 5_000 }, this.policyPath);
  }

  images(): Images {
    return this.store.open({ trust: this.trust() });
  }

  /** Serves `app:1`, or another one. */
  push(content = 'content', repository = 'app', tag = '1'): BuiltImage {
    const image = buildImage([writeTar([{ path: 'file', mode: 0o644, content: Buffer.from(content) }])]);
    this.registry.push(repository, tag, image);
    return image;
  }

  /** Keeps signatures as cosign does: layers of a manifest under the tag of the digest. */
  putSignatures(
    digest: string,
    layers: readonly { readonly bytes: Buffer; readonly mediaType?: string; readonly annotations?: object }[],
    { repository = 'app', tag = `${digest.replace(':', '-')}.sig` }: { repository?: string; tag?: string } = {},
  ): void {
    for (const { bytes } of layers) this.registry.put(`/v2/${repository}/blobs/${sha256Of(bytes)}`, bytes);
    const manifest = Buffer.from(JSON.stringify(signatureManifest(layers)));
    this.registry.put(`/v2/${repository}/manifests/${tag}`, manifest, OCI_MANIFEST);
  }
}

export function signatureManifest(
  layers: readonly { readonly bytes: Buffer; readonly mediaType?: string; readonly annotations?: object }[],
  more: object = {},
): object {
  return {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256Of(Buffer.from('{}')), size: 2 },
    layers: layers.map(({ bytes, mediaType = 'application/vnd.dev.cosign.simplesigning.v1+json', annotations }) => ({
      mediaType,
      digest: sha256Of(bytes),
      size: bytes.length,
      ...(annotations === undefined ? {} : { annotations }),
    })),
    ...more,
  };
}
