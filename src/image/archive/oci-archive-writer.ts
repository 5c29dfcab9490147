import { type Digest, digestHex } from '../../model/digest.ts';
import { LAYOUT_FILE, LAYOUT_VERSION, withImage } from '../layout/layout-index.ts';
import type { Descriptor } from '../manifest.ts';
import type { ImageTarget, ManifestContent } from '../target.ts';
import type { TarSink } from './tar-sink.ts';

/** An OCI layout in a tar file that is written from its beginning to its end, with any number of images in it. */
export class OciArchiveWriter {
  readonly #name: string;
  readonly #tar: TarSink;
  readonly #written = new Set<Digest>();
  #index: Uint8Array | undefined;
  #isOver = false;

  constructor(name: string, tar: TarSink) {
    this.#name = name;
    this.#tar = tar;
  }

  /** @param index of a layout whose blobs this archive has, too; before the first image is finished */
  beginWith(index: Uint8Array | undefined): void {
    this.#index = index;
  }

  /** One more image, with the names that it has in the archive. Its `finish` puts it on the list. */
  image(names: readonly (string | undefined)[]): ImageTarget {
    let root: ManifestContent | undefined;
    return {
      name: this.#name,
      isOciOnly: true,
      isStream: true,
      hasBlob: async ({ digest }) => this.#written.has(digest),
      putBlob: (descriptor, content) => this.#put(descriptor, content),
      putManifest: async (manifest, role) => {
        const { digest, bytes } = manifest;
        await this.#put({ digest, sizeBytes: bytes.length }, () => only(bytes));
        if (role === 'root') root = manifest;
      },
      finish: async () => {
        if (root === undefined) return;
        for (const name of names.length === 0 ? [undefined] : names) {
          this.#index = withImage(this.#index, { path: this.#name, root, name });
        }
      },
      close: async () => {},
    };
  }

  async finish(): Promise<void> {
    await this.#tar.addBytes(LAYOUT_FILE, Buffer.from(LAYOUT_VERSION));
    if (this.#index !== undefined) await this.#tar.addBytes('index.json', this.#index);
    await this.#tar.finish();
    this.#isOver = true;
  }

  /** Without `finish` before it, what was written is taken away. */
  async close(error?: unknown): Promise<void> {
    if (!this.#isOver) await this.#tar.abort(error);
    this.#isOver = true;
  }

  async #put(
    { digest, sizeBytes }: Pick<Descriptor, 'digest' | 'sizeBytes'>,
    content: () => AsyncIterable<Uint8Array>,
  ): Promise<void> {
    if (this.#written.has(digest)) return;
    await this.#tar.addFile(`blobs/sha256/${digestHex(digest)}`, sizeBytes, content());
    this.#written.add(digest);
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
