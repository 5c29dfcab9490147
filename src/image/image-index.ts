import type { Files, Random } from '../base/effects.ts';
import { type Digest, digestHex, isDigest } from '../model/digest.ts';
import { defineErrors, systemErrorCode } from '../model/error.ts';
import type { Image } from '../model/image-config.ts';
import { formatImageReference, type ImageReference, parseImageReference } from '../model/image-reference.ts';
import type { ImageRecord } from './store/image-record.ts';
import { layoutIndex, OCI_LAYOUT } from './store/layout-index.ts';
import { Reserve } from './store/reserve.ts';
import { isDiskFull } from './store/store-errors.ts';

/** What a list of images needs of the outside. */
type IndexPorts = { readonly files: Files; readonly random: Random };

interface IndexFile {
  readonly version: 1;
  readonly images: readonly ImageRecord[];
  /** Stored name → image id. */
  readonly references: Readonly<Record<string, Digest>>;
}

export const imageIndexErrors = defineErrors('image-index', {
  unreadable: {
    kind: 'data-loss',
    message: (d: { path: string; reason: string }) => `the list of images ${d.path} cannot be read: ${d.reason}`,
    remedy: () => 'restore the file, or remove it and pull the images again',
  },
  ambiguous: {
    kind: 'invalid-argument',
    message: (d: { text: string; ids: readonly string[] }) =>
      `${JSON.stringify(d.text)} is the beginning of several image ids: ${d.ids.join(', ')}`,
    remedy: () => 'give more digits',
  },
});

const VERSION = 1;
/** An image that has had more names than this is known by the latest ones. */
const MAX_REPOSITORIES = 32;
/** Shorter texts are never taken for the beginning of an id: they are far more likely a misspelt name. */
const MIN_ID_PREFIX = 4;
const ID_PREFIX = /^(?:sha256:)?([0-9a-f]{4,64})$/;
const SHOWN_ID_DIGITS = 12;

/** What a reference is stored under: with a digest the tag says nothing and is left out. */
export function storedName(reference: ImageReference): string {
  if (reference.kind !== 'registry' || reference.digest === undefined) return formatImageReference(reference);
  return formatImageReference({ ...reference, tag: undefined });
}

/** The images of a root directory and their names, in memory and in `images.json`. One writer. */
export class ImageIndex {
  readonly #files: Files;
  readonly #root: string;
  readonly #reserve: Reserve;
  #images = new Map<Digest, ImageRecord>();
  #references = new Map<string, Digest>();

  private constructor(ports: IndexPorts, root: string) {
    this.#files = ports.files;
    this.#root = root;
    this.#reserve = new Reserve(ports, root);
  }

  /** @throws {EngineError} `image-index.unreadable` (data-loss) */
  static async load(ports: IndexPorts, root: string): Promise<ImageIndex> {
    const index = new ImageIndex(ports, root);
    const path = `${root}/images.json`;
    let text: string;
    try {
      text = await ports.files.readText(path);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return index;
      throw error;
    }
    const content = parseIndexFile(path, text);
    index.#images = new Map(content.images.map((record) => [record.id, record]));
    index.#references = new Map(Object.entries(content.references));
    return index;
  }

  records(): readonly ImageRecord[] {
    return [...this.#images.values()];
  }

  record(id: Digest): ImageRecord | undefined {
    return this.#images.get(id);
  }

  /** Makes the files that other tools read anew where they are older than the list. */
  async refreshLayout(): Promise<void> {
    const wanted = layoutIndex(this.records(), this.#references);
    const found = await this.#files.readText(`${this.#root}/index.json`).catch(() => undefined);
    if (found !== wanted || !(await this.#files.exists(`${this.#root}/oci-layout`))) await this.#writeLayout();
  }

  all(): readonly Image[] {
    return [...this.#images.values()].map((record) => this.#imageOf(record));
  }

  byId(id: Digest): Image | undefined {
    const record = this.#images.get(id);
    return record === undefined ? undefined : this.#imageOf(record);
  }

  byReference(reference: ImageReference): Image | undefined {
    const id = this.#references.get(storedName(reference));
    return id === undefined ? undefined : this.byId(id);
  }

  /**
   * An image by what a user wrote: a reference first, then an id or the beginning of one.
   *
   * @throws {EngineError} `image-index.ambiguous`; `image-reference.malformed` for a text that is neither
   */
  find(text: string): { readonly image: Image; readonly by: 'reference' | 'id' } | undefined {
    const prefix = ID_PREFIX.exec(text)?.[1];
    const byName = isDigest(text) || prefix?.length === 64 ? undefined : this.byReference(parseImageReference(text));
    if (byName !== undefined) return { image: byName, by: 'reference' };
    if (prefix === undefined || prefix.length < MIN_ID_PREFIX) return undefined;
    const ids = [...this.#images.keys()].filter((id) => digestHex(id).startsWith(prefix));
    if (ids.length > 1) {
      throw imageIndexErrors.ambiguous({ text, ids: ids.map((id) => digestHex(id).slice(0, SHOWN_ID_DIGITS)) });
    }
    const image = ids[0] === undefined ? undefined : this.byId(ids[0]);
    return image === undefined ? undefined : { image, by: 'id' };
  }

  /** Unpacked bytes of a layer, if an image that we have names it. */
  layerBytes(chainId: Digest): number | undefined {
    for (const { chainIds, layerBytes } of this.#images.values()) {
      const position = chainIds.indexOf(chainId);
      if (position >= 0) return layerBytes[position];
    }
    return undefined;
  }

  /** Whether an image that we have was put together from this blob for this layer: then it has been seen to unpack to that. */
  unpacksTo(blob: Digest, chainId: Digest): boolean {
    return [...this.#images.values()].some(({ chainIds, layers }) =>
      chainIds.some((id, at) => id === chainId && layers?.[at]?.digest === blob),
    );
  }

  /** Every layer and every blob that an image names. */
  named(): { readonly chainIds: Set<Digest>; readonly blobs: Set<Digest> } {
    const records = [...this.#images.values()];
    return {
      chainIds: new Set(records.flatMap(({ chainIds }) => chainIds)),
      blobs: new Set(records.flatMap(blobsOf)),
    };
  }

  /**
   * Adds an image and moves references to it. Its layers and blobs must be in place and synced. The same image may come in other
   * bytes, with another manifest: one that is pulled takes the place of the other, and names by digest go, for they would name
   * something else; one that is loaded adds its names alone.
   */
  async add(record: ImageRecord, references: readonly ImageReference[]): Promise<Image> {
    const known = this.#images.get(record.id);
    const isOther = known !== undefined && known.manifestDigest !== record.manifestDigest;
    const stays = isOther && (record.comesBy ?? 'pull') !== 'pull';
    const named = references.flatMap((reference) => repositoryOf(reference));
    const repositories = [...new Set([...named, ...(known?.repositories ?? [])])].slice(0, MAX_REPOSITORIES);
    const added = { ...(stays ? known : record), repositories };
    const isLost = (name: string, id: Digest): boolean => isOther && !stays && id === record.id && name.includes('@');
    const names = new Map([...this.#references].filter(([name, id]) => !isLost(name, id)));
    for (const reference of references) names.set(storedName(reference), record.id);
    await this.#replace(new Map(this.#images).set(record.id, added), names);
    await this.#writeLayout();
    await this.keepReserve();
    return this.#imageOf(added);
  }

  /** Takes names away, and the images that are given; on a full disk, too. */
  async drop(references: readonly string[], ids: readonly Digest[]): Promise<void> {
    const images = new Map([...this.#images].filter(([id]) => !ids.includes(id)));
    const names = [...this.#references].filter(([name, id]) => !references.includes(name) && !ids.includes(id));
    await this.#reserve.within(() => this.#replace(images, new Map(names)));
    await this.#writeLayout();
  }

  /** Keeps room on the disk for the next removal, where there is any. */
  async keepReserve(): Promise<void> {
    await this.#reserve.take(listText(this.#images, this.#references).length);
  }

  async #replace(images: Map<Digest, ImageRecord>, references: Map<string, Digest>): Promise<void> {
    await this.#files.makeDirectory(this.#root, { parents: true });
    const text = listText(images, references);
    await this.#files.writeAtomic(`${this.#root}/images.json`, text, { durability: 'synced' });
    await this.#files.syncDirectory(this.#root);
    this.#images = images;
    this.#references = references;
  }

  /** Not synced: what a crash leaves is replaced at a start, and what a full disk leaves by the next change. Nothing here reads it. */
  async #writeLayout(): Promise<void> {
    try {
      const path = `${this.#root}/oci-layout`;
      if (!(await this.#files.exists(path))) await this.#files.writeAtomic(path, OCI_LAYOUT);
      await this.#files.writeAtomic(`${this.#root}/index.json`, layoutIndex(this.records(), this.#references));
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
  }

  #imageOf(record: ImageRecord): Image {
    const { id, manifestDigest, config, chainIds, layerBytes, sizeBytes, createdAt, architecture, os } = record;
    const image = { id, manifestDigest, config, chainIds, layerBytes, sizeBytes, createdAt, architecture, os };
    const references = [...this.#references].filter(([, id]) => id === record.id).map(([name]) => name);
    const trust = record.trust === undefined ? {} : { trust: record.trust };
    return { ...image, ...trust, references: references.sort() };
  }
}

function listText(images: ReadonlyMap<Digest, ImageRecord>, references: ReadonlyMap<string, Digest>): string {
  const content: IndexFile = {
    version: VERSION,
    images: [...images.values()],
    references: Object.fromEntries(references),
  };
  return `${JSON.stringify(content)}\n`;
}

/** Every blob that an image is made of, as far as it is kept. */
function blobsOf({ id, manifestDigest, layers = [] }: ImageRecord): readonly Digest[] {
  return [id, manifestDigest, ...layers.map(({ digest }) => digest)];
}

function repositoryOf(reference: ImageReference): readonly string[] {
  return reference.kind === 'registry' ? [`${reference.registry}/${reference.repository}`] : [];
}

function parseIndexFile(path: string, text: string): IndexFile {
  let content: Partial<IndexFile> | null;
  try {
    content = JSON.parse(text) as Partial<IndexFile> | null;
  } catch (error) {
    throw imageIndexErrors.unreadable({ path, reason: (error as Error).message }, error);
  }
  if (content?.version !== VERSION) {
    throw imageIndexErrors.unreadable({ path, reason: `its version is ${content?.version}, not ${VERSION}` });
  }
  if (!Array.isArray(content.images) || typeof content.references !== 'object' || content.references === null) {
    throw imageIndexErrors.unreadable({ path, reason: 'it lists no images' });
  }
  return { version: VERSION, images: content.images, references: content.references };
}
