import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import type { RegistryCredential } from '../../model/registry-credential.ts';
import { buildImage } from '../built-image.fixture.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { FakeRegistry } from '../fake-registry.fixture.ts';
import { OCI_LAYER } from '../media-types.ts';
import type { ImageSource } from '../source.ts';
import { Registries, type RegistriesOptions } from './registries.ts';

export const LAYER = writeTar([{ path: 'large', mode: 0o644, content: randomBytes(300_000) }]);
export const IMAGE = buildImage([LAYER], { compress: false });
export const DESCRIPTOR = {
  mediaType: OCI_LAYER,
  digest: IMAGE.layers[0]?.digest as never,
  sizeBytes: LAYER.length,
};

/** A registry that has an image, a mirror that has it too, and a directory that may say so. */
export class Mirrored {
  readonly registry: FakeRegistry;
  readonly mirror: FakeRegistry;
  readonly directory = mkdtempSync(join(tmpdir(), 'isopod-mirrored-'));
  readonly #sources: ImageSource[] = [];

  private constructor(registry: FakeRegistry, mirror: FakeRegistry) {
    this.registry = registry;
    this.mirror = mirror;
  }

  static async start(): Promise<Mirrored> {
    const [registry, mirror] = [await FakeRegistry.start(), await FakeRegistry.start()];
    const mirrored = new Mirrored(registry, mirror);
    registry.push('app', '1', IMAGE);
    mirrored.serve(mirror, registry.host);
    return mirrored;
  }

  /** Has a host serve the image to who asks it for a registry. */
  serve(host: FakeRegistry, registry: string): void {
    const { manifest, config, layers } = IMAGE;
    const ns = `?ns=${encodeURIComponent(registry)}`;
    for (const selector of ['1', manifest.digest]) {
      host.put(`/v2/app/manifests/${selector}${ns}`, manifest.bytes, manifest.mediaType);
    }
    for (const { digest, bytes } of [config, ...layers]) host.put(`/v2/app/blobs/${digest}${ns}`, bytes);
  }

  /** Writes what is said of a registry, or of all (`_default`). @returns the file */
  say(lines: readonly string[], name = this.registry.host): string {
    const path = join(this.directory, name, 'hosts.toml');
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, lines.join('\n'));
    return path;
  }

  /** The mirror first, with fields of it, then the registry. */
  sayMirror(...fields: readonly string[]): string {
    return this.say([`server = "http://${this.registry.host}"`, `[host."http://${this.mirror.host}"]`, ...fields]);
  }

  registries(options: Partial<RegistriesOptions> = {}): Registries {
    const limits = { retryDelayMs: 1, requestAttempts: 3, ...options.limits };
    return new Registries({ ...nodeEffects(), hostsDirectory: this.directory, ...options, limits });
  }

  open(credential?: RegistryCredential, ...rest: readonly [Registries?, string?]): ImageSource {
    const [registries = this.registries(), registry = this.registry.host] = rest;
    const reference = { kind: 'registry', registry, repository: 'app', tag: '1', digest: undefined } as const;
    const source = registries.source(reference, credential);
    this.#sources.push(source);
    return source;
  }

  async stop(): Promise<void> {
    for (const source of this.#sources) source.close();
    rmSync(this.directory, { recursive: true });
    await this.registry.stop();
    await this.mirror.stop();
  }
}

/** The layer as a source gives it. */
export async function layerOf(source: ImageSource, startByte?: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.blob(DESCRIPTOR, new AbortController().signal, startByte)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
