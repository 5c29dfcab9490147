import { posix } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { type Digest, digestHex } from '../../model/digest.ts';
import { systemErrorCode } from '../../model/error.ts';
import { formatImageReference, type ImageReference } from '../../model/image-reference.ts';
import type { KeyedLock } from '../store/keyed-lock.ts';
import type { ImageTarget, ManifestContent } from '../target.ts';
import { LAYOUT_FILE, LAYOUT_VERSION, withImage } from './layout-index.ts';
import { layoutErrors } from './layout-source.ts';
import type { LayoutWriter, OpenLayouts } from './open-layouts.ts';

const BLOBS = 'blobs/sha256';
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

export interface LayoutTargetPorts {
  readonly files: Files;
  /** Of the lists of layouts, by directory: who writes one has read it before. */
  readonly turns: KeyedLock;
  readonly layouts: OpenLayouts;
}

/**
 * An OCI image layout in a directory, which is made when it is missing. What it holds already stays, but for an image of the
 * same name.
 */
export function layoutTarget(
  reference: Extract<ImageReference, { readonly kind: 'oci' | 'oci-archive' }>,
  ports: LayoutTargetPorts,
): ImageTarget {
  return new LayoutTarget(reference.path, reference.name, ports);
}

class LayoutTarget implements ImageTarget {
  readonly name: string;
  readonly isOciOnly = true;
  readonly #directory: string;
  readonly #imageName: string | undefined;
  readonly #ports: LayoutTargetPorts;
  readonly #written: string[] = [];
  /** Directories that were made, the innermost first. */
  #prepared: Promise<readonly string[]> | undefined;
  #writer: LayoutWriter | undefined;
  #root: ManifestContent | undefined;
  #isOver = false;

  constructor(directory: string, imageName: string | undefined, ports: LayoutTargetPorts) {
    this.name = formatImageReference({ kind: 'oci', path: directory, name: imageName });
    this.#directory = directory;
    this.#imageName = imageName;
    this.#ports = ports;
  }

  async hasBlob({ digest, sizeBytes }: { readonly digest: Digest; readonly sizeBytes: number }): Promise<boolean> {
    await this.#prepare();
    const path = this.#pathOf(digest);
    return (await statusOf(this.#ports.files, path))?.sizeBytes === sizeBytes;
  }

  async putBlob(descriptor: { readonly digest: Digest }, content: () => AsyncIterable<Uint8Array>): Promise<void> {
    await this.#write(descriptor.digest, content());
  }

  async putManifest(manifest: ManifestContent, role: 'root' | 'part'): Promise<void> {
    const { digest, bytes } = manifest;
    if (!(await this.hasBlob({ digest, sizeBytes: bytes.length }))) await this.#write(digest, only(bytes));
    if (role === 'root') this.#root = manifest;
  }

  async finish(signal: AbortSignal): Promise<void> {
    const { files, turns } = this.#ports;
    const root = this.#root;
    if (root === undefined) return;
    await files.syncDirectory(`${this.#directory}/${BLOBS}`);
    await turns.run(this.#directory, signal, () => this.#nameImage(root));
    this.#isOver = true;
    this.#writer?.leave();
  }

  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    const { files } = this.#ports;
    this.#writer?.leave();
    // Another copy may have found them and not written them again: then they stay, named or not.
    if (this.#writer?.wasShared === true) return;
    for (const path of this.#written) await files.removeFile(path);
    for (const path of (await this.#prepared?.catch(() => [])) ?? []) await files.removeDirectory(path);
  }

  async #nameImage(root: ManifestContent): Promise<void> {
    const { files } = this.#ports;
    const [path, name] = [this.#directory, this.#imageName];
    const options = { durability: 'synced', mode: FILE_MODE } as const;
    if ((await statusOf(files, `${path}/${LAYOUT_FILE}`)) === undefined) {
      await files.writeAtomic(`${path}/${LAYOUT_FILE}`, LAYOUT_VERSION, options);
    }
    const index = `${path}/index.json`;
    const existing = (await statusOf(files, index)) === undefined ? undefined : await files.readBytes(index);
    await files.writeAtomic(index, withImage(existing, { path, root, name }), options);
    await files.syncDirectory(path);
  }

  async #write(digest: Digest, content: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#prepare();
    const { files } = this.#ports;
    const path = this.#pathOf(digest);
    const writer = await files.openWriter(posix.dirname(path), FILE_MODE);
    try {
      for await (const chunk of content) await writer.write(chunk);
      await writer.commit(path, 'synced');
      this.#written.push(path);
    } finally {
      await writer.abort();
    }
  }

  #pathOf(digest: Digest): string {
    return `${this.#directory}/${BLOBS}/${digestHex(digest)}`;
  }

  #prepare(): Promise<readonly string[]> {
    this.#prepared ??= this.#enter();
    return this.#prepared;
  }

  async #enter(): Promise<readonly string[]> {
    const { files, layouts } = this.#ports;
    const made = await prepareLayout(files, this.#directory);
    this.#writer = layouts.enter(await files.realPath(this.#directory));
    return made;
  }
}

/** @throws {EngineError} `layout.notALayout`, `.relativePath`, `.missingParent` */
async function prepareLayout(files: Files, directory: string): Promise<readonly string[]> {
  if (!directory.startsWith('/')) throw layoutErrors.relativePath({ path: directory });
  const parent = posix.dirname(posix.resolve(directory));
  if ((await statusOf(files, parent)) === undefined) throw layoutErrors.missingParent({ path: directory, parent });
  const kind = (await statusOf(files, directory))?.kind;
  if (kind !== undefined && kind !== 'directory' && kind !== 'symlink') {
    throw layoutErrors.notALayout({ path: directory, reason: `it is not a directory (${kind})` });
  }
  const isLayout = (await statusOf(files, `${directory}/${LAYOUT_FILE}`)) !== undefined;
  if (kind !== undefined && !isLayout && (await files.list(directory)).length > 0) {
    throw layoutErrors.notALayout({ path: directory, reason: 'it holds other things' });
  }
  const made: string[] = [];
  for (const path of [directory, `${directory}/blobs`, `${directory}/${BLOBS}`]) {
    if ((await statusOf(files, path)) !== undefined) continue;
    await files.makeDirectory(path, { mode: DIRECTORY_MODE });
    made.unshift(path);
  }
  return made;
}

async function statusOf(
  files: Files,
  path: string,
): Promise<{ readonly kind: string; readonly sizeBytes: number } | undefined> {
  try {
    return await files.status(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
