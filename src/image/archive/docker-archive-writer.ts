import { type Digest, digestHex } from '../../model/digest.ts';
import { defineErrors } from '../../model/error.ts';
import { decompressed } from '../compression/decompressed.ts';
import { parseConfigDocument, sha256Of } from '../config-document.ts';
import { contentErrors } from '../layer-stream.ts';
import { type Descriptor, isIndex, parseManifest } from '../manifest.ts';
import { isImageConfigType } from '../media-types.ts';
import type { ImageTarget, ManifestContent } from '../target.ts';
import type { ArchivePorts } from './archive-files.ts';
import type { TarSink } from './tar-sink.ts';

export const dockerArchiveWriterErrors = defineErrors('docker-archive-target', {
  severalPlatforms: {
    kind: 'invalid-argument',
    message: (d: { name: string }) => `${d.name} holds one platform of an image, and this is an index of several`,
    remedy: () => 'choose one with --platform, or write an oci-archive: that holds all of them',
  },
  wrongLayer: {
    kind: 'data-loss',
    message: (d: { name: string; digest: string; expected: string; actual: string }) =>
      `layer ${d.digest} unpacks to ${d.actual}, and the config of the image that goes to ${d.name} says ${d.expected}`,
    remedy: () => 'the image was put together wrongly: build it again',
  },
});

/** An image on the archive's list. */
interface Listed {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[];
}

/**
 * Writes what `docker load` reads: configs byte for byte, so that images keep their ids, layers plain and named by their
 * diff ids, and one list. The archive has no manifests, so whoever reads it gives the images manifests of his own.
 */
export class DockerArchiveWriter {
  readonly #name: string;
  readonly #tar: TarSink;
  readonly #ports: Pick<ArchivePorts, 'spool' | 'limits'>;
  /** By the digest that a layer came with: what it unpacks to. */
  readonly #layers = new Map<Digest, Digest>();
  readonly #configs = new Map<Digest, Uint8Array>();
  readonly #members = new Set<string>();
  readonly #list = new Map<string, Listed>();
  #isOver = false;

  constructor(name: string, tar: TarSink, ports: Pick<ArchivePorts, 'spool' | 'limits'>) {
    this.#name = name;
    this.#tar = tar;
    this.#ports = ports;
  }

  /** One more image, with the names that it has in the archive. Its `finish` puts it on the list. */
  image(names: readonly string[]): ImageTarget {
    let listed: Listed | undefined;
    return {
      name: this.#name,
      isImagesOnly: true,
      checkRoot: (root) => this.#checkRoot(root),
      hasBlob: async ({ digest }) => this.#layers.has(digest) || this.#configs.has(digest),
      putBlob: (descriptor, content) => this.#putBlob(descriptor, content()),
      putManifest: async (manifest) => {
        listed = await this.#listed(manifest, names);
      },
      finish: async () => {
        if (listed === undefined) return;
        const before = this.#list.get(listed.Config)?.RepoTags ?? [];
        const tags = [...new Set([...before, ...(listed.RepoTags ?? [])])];
        this.#list.set(listed.Config, { ...listed, RepoTags: tags.length === 0 ? null : tags });
      },
      close: async () => {},
    };
  }

  async finish(): Promise<void> {
    await this.#tar.addBytes('manifest.json', Buffer.from(JSON.stringify([...this.#list.values()])));
    await this.#tar.finish();
    this.#isOver = true;
  }

  /** Without `finish` before it, what was written is taken away. */
  async close(error?: unknown): Promise<void> {
    if (!this.#isOver) await this.#tar.abort(error);
    this.#isOver = true;
  }

  async #putBlob(descriptor: Descriptor, content: AsyncIterable<Uint8Array>): Promise<void> {
    const { digest, mediaType, sizeBytes } = descriptor;
    if (isImageConfigType(mediaType)) {
      this.#configs.set(digest, await readAll(content, { sizeBytes, limitBytes: this.#ports.limits.maxConfigBytes }));
      return;
    }
    const { limits, spool } = this.#ports;
    // A member's size comes before its bytes, and how long a layer is without compression shows at its end only.
    const plain = decompressed(content, `layer ${digest}`, limits, { compressedBytes: sizeBytes });
    const held = await spool.hold(plain);
    try {
      await this.#add(`${digestHex(held.digest)}.tar`, held.sizeBytes, held.read());
      this.#layers.set(digest, held.digest);
    } finally {
      await held.remove();
    }
  }

  #checkRoot({ bytes, mediaType }: Parameters<NonNullable<ImageTarget['checkRoot']>>[0]): void {
    if (isIndex(bytes, { from: this.#name, mediaType })) {
      throw dockerArchiveWriterErrors.severalPlatforms({ name: this.#name });
    }
  }

  async #listed(manifest: ManifestContent, names: readonly string[]): Promise<Listed> {
    const { bytes, mediaType } = manifest;
    const { limits } = this.#ports;
    const document = parseManifest(bytes, { from: this.#name, mediaType, limits });
    if (document.shape === 'index') throw dockerArchiveWriterErrors.severalPlatforms({ name: this.#name });
    const config = this.#configs.get(document.config.digest) ?? new Uint8Array(0);
    const { diffIds } = parseConfigDocument(config, this.#name);
    const layers = document.layers.map(({ digest }, index) => {
      const [expected = 'no layer', actual = 'nothing'] = [diffIds[index], this.#layers.get(digest)];
      if (actual !== expected) {
        throw dockerArchiveWriterErrors.wrongLayer({ name: this.#name, digest, expected, actual });
      }
      return `${digestHex(actual as Digest)}.tar`;
    });
    const member = `${digestHex(sha256Of(config))}.json`;
    await this.#add(member, config.length, only(config));
    return { Config: member, RepoTags: names, Layers: layers };
  }

  /** Two layers that are compressed in different ways may be one without. */
  async #add(path: string, sizeBytes: number, content: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.#members.has(path)) return;
    this.#members.add(path);
    await this.#tar.addFile(path, sizeBytes, content);
  }
}

async function readAll(
  content: AsyncIterable<Uint8Array>,
  { sizeBytes, limitBytes }: { readonly sizeBytes: number; readonly limitBytes: number },
): Promise<Uint8Array> {
  if (sizeBytes > limitBytes) throw contentErrors.tooLarge({ what: 'a config', sizeBytes, limitBytes });
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
