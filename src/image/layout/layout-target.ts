import { posix } from 'node:path';
import { type Files, TEMPORARY_PREFIX } from '../../base/effects.ts';
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
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR']);
/** A turn is a few small files; who does not get one for so long has a disk that hangs. */
const LAST_TURN_MS = 60_000;

export interface LayoutTargetPorts {
  readonly files: Files;
  /**
   * Of layouts, by directory: who writes a list has read it before, and a directory is neither made nor taken away while
   * another copy looks whether it is there.
   */
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
  #entered: Promise<Entered> | undefined;
  #root: ManifestContent | undefined;
  #isOver = false;

  constructor(directory: string, imageName: string | undefined, ports: LayoutTargetPorts) {
    this.name = formatImageReference({ kind: 'oci', path: directory, name: imageName });
    this.#directory = directory;
    this.#imageName = imageName;
    this.#ports = ports;
  }

  async hasBlob(
    { digest, sizeBytes }: { readonly digest: Digest; readonly sizeBytes: number },
    signal: AbortSignal,
  ): Promise<boolean> {
    await this.#enter(signal);
    const path = this.#pathOf(digest);
    return (await statusOf(this.#ports.files, path))?.sizeBytes === sizeBytes;
  }

  async putBlob(
    descriptor: { readonly digest: Digest },
    content: () => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#write(descriptor.digest, content(), signal);
  }

  async putManifest(manifest: ManifestContent, role: 'root' | 'part', signal: AbortSignal): Promise<void> {
    const { digest, bytes } = manifest;
    if (!(await this.hasBlob({ digest, sizeBytes: bytes.length }, signal))) {
      await this.#write(digest, only(bytes), signal);
    }
    if (role === 'root') this.#root = manifest;
  }

  async finish(signal: AbortSignal): Promise<void> {
    const { files, turns } = this.#ports;
    const root = this.#root;
    if (root === undefined) return;
    const { place, writer } = await this.#enter(signal);
    await files.syncDirectory(`${this.#directory}/${BLOBS}`);
    await turns.run(place, signal, () => this.#nameImage(root));
    this.#isOver = true;
    writer.leave();
  }

  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    const entered = await this.#entered?.catch(() => undefined);
    if (entered === undefined) return;
    await this.#ports.turns.run(entered.place, AbortSignal.timeout(LAST_TURN_MS), () => this.#takeAway(entered));
  }

  async #takeAway({ made, writer }: Entered): Promise<void> {
    const { files } = this.#ports;
    writer.leave();
    // Another copy may have found them and not written them again: then they stay, named or not.
    if (writer.wasShared) return;
    for (const path of this.#written) await files.removeFile(path);
    for (const path of made) await files.removeDirectory(path);
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

  async #write(digest: Digest, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    await this.#enter(signal);
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

  #enter(signal: AbortSignal): Promise<Entered> {
    this.#entered ??= this.#prepare(signal);
    return this.#entered;
  }

  async #prepare(signal: AbortSignal): Promise<Entered> {
    const { files, turns, layouts } = this.#ports;
    const place = await placeOf(files, this.#directory);
    return turns.run(place, signal, async () => {
      const made = await prepareLayout(files, this.#directory);
      return { place, made, writer: layouts.enter(place) };
    });
  }
}

/** A copy that has found or made the directories of its layout. */
interface Entered {
  /** The directory as the kernel names it, whatever links lead there. */
  readonly place: string;
  /** Directories that were made, the innermost first. */
  readonly made: readonly string[];
  readonly writer: LayoutWriter;
}

/** @throws {EngineError} `layout.relativePath`, `.missingParent` */
async function placeOf(files: Files, directory: string): Promise<string> {
  if (!directory.startsWith('/')) throw layoutErrors.relativePath({ path: directory });
  const path = posix.resolve(directory);
  const parent = posix.dirname(path);
  try {
    return await files.realPath(path);
  } catch (error) {
    if (!ABSENT.has(systemErrorCode(error) ?? '')) throw error;
  }
  try {
    return posix.join(await files.realPath(parent), posix.basename(path));
  } catch (error) {
    if (ABSENT.has(systemErrorCode(error) ?? '')) throw layoutErrors.missingParent({ path: directory, parent }, error);
    throw error;
  }
}

/** @throws {EngineError} `layout.notALayout` */
async function prepareLayout(files: Files, directory: string): Promise<readonly string[]> {
  const kind = (await statusOf(files, directory))?.kind;
  if (kind !== undefined && kind !== 'directory' && kind !== 'symlink') {
    throw layoutErrors.notALayout({ path: directory, reason: `it is not a directory (${kind})` });
  }
  const isLayout = (await statusOf(files, `${directory}/${LAYOUT_FILE}`)) !== undefined;
  if (kind !== undefined && !isLayout && !(await isBegun(files, directory))) {
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

/**
 * Whether a directory has nothing, or only what another copy has begun a layout with: `oci-layout` comes with the first
 * image that is whole, so a copy that is on its way, or was killed on it, leaves blobs without that file.
 */
async function isBegun(files: Files, directory: string): Promise<boolean> {
  const names = await files.list(directory);
  const others = names.filter((name) => !name.startsWith(TEMPORARY_PREFIX));
  if (others.length === 0) return true;
  if (others.length > 1 || others[0] !== 'blobs') return false;
  if ((await statusOf(files, `${directory}/blobs`))?.kind !== 'directory') return false;
  return (await files.list(`${directory}/blobs`)).every((name) => name === 'sha256');
}

async function statusOf(
  files: Files,
  path: string,
): Promise<{ readonly kind: string; readonly sizeBytes: number } | undefined> {
  try {
    return await files.status(path);
  } catch (error) {
    if (ABSENT.has(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
