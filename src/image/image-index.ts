import type { Files, Random } from '../base/effects.ts';
import { type Digest, digestHex, isDigest } from '../model/digest.ts';
import { defineErrors, systemErrorCode } from '../model/error.ts';
import type { Image } from '../model/image-config.ts';
import { formatImageReference, type ImageReference, parseImageReference } from '../model/image-reference.ts';
import type { TrustVerdict } from '../model/trust-verdict.ts';
import {
  type ImageList,
  imageListText,
  imagesOf,
  namedManifest,
  parseImageList,
  settledList,
} from './store/image-list.ts';
import { blobsOf, type ImageRecord, type NamedManifest, type StoredImage } from './store/image-record.ts';
import { layoutIndex, OCI_LAYOUT } from './store/layout-index.ts';
import { Reserve } from './store/reserve.ts';
import { isDiskFull } from './store/store-errors.ts';

/** What a list of images needs of the outside. */
type IndexPorts = { readonly files: Files; readonly random: Random };

export const imageIndexErrors = defineErrors('image-index', {
  ambiguous: {
    kind: 'invalid-argument',
    message: (d: { text: string; ids: readonly string[] }) =>
      `${JSON.stringify(d.text)} is the beginning of several image ids: ${d.ids.join(', ')}`,
    remedy: () => 'give more digits',
  },
});

/** An image that has had more names than this is known by the latest ones. */
const MAX_REPOSITORIES = 32;
/** Shorter texts are never taken for the beginning of an id: they are far more likely a misspelt name. */
const MIN_ID_PREFIX = 4;
const ID_PREFIX = /^(?:sha256:)?([0-9a-f]{4,64})$/;
const SHOWN_ID_DIGITS = 12;

/** An image with a name that it has just been given. */
interface Named {
  readonly image: Image;
  /** Whether there are blobs now that nothing names any more. */
  readonly hasFreed: boolean;
}

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
  #list: ImageList = { records: new Map(), names: new Map() };

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
    index.#list = parseImageList(path, text);
    return index;
  }

  records(): readonly ImageRecord[] {
    return [...this.#list.records.values()];
  }

  /** The images, each with all of its records and names. */
  images(): readonly StoredImage[] {
    return imagesOf(this.#list);
  }

  /** The names that stand for a manifest. */
  namesOf(manifestDigest: Digest): readonly string[] {
    return [...this.#list.names].flatMap(([name, { manifest }]) => (manifest === manifestDigest ? [name] : [])).sort();
  }

  /** Makes the files that other tools read anew where they are older than the list. */
  async refreshLayout(): Promise<void> {
    const wanted = layoutIndex(this.#list);
    const found = await this.#files.readText(`${this.#root}/index.json`).catch(() => undefined);
    if (found !== wanted || !(await this.#files.exists(`${this.#root}/oci-layout`))) await this.#writeLayout();
  }

  all(): readonly Image[] {
    return this.images().map((image) => this.#imageOf(image, image.records[0], image.records[0].trust));
  }

  byId(id: Digest): Image | undefined {
    const image = this.#stored(id);
    return image && this.#imageOf(image, image.records[0], image.records[0].trust);
  }

  byReference(reference: ImageReference): Image | undefined {
    const named = this.#list.names.get(storedName(reference));
    const record = named && this.#list.records.get(named.manifest);
    const image = record && this.#stored(record.id);
    return image && this.#imageOf(image, record, named?.trust);
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
    const ids = [...new Set(this.records().map(({ id }) => id))].filter((id) => digestHex(id).startsWith(prefix));
    if (ids.length > 1) {
      throw imageIndexErrors.ambiguous({ text, ids: ids.map((id) => digestHex(id).slice(0, SHOWN_ID_DIGITS)) });
    }
    const image = ids[0] === undefined ? undefined : this.byId(ids[0]);
    return image === undefined ? undefined : { image, by: 'id' };
  }

  /** Unpacked bytes of a layer, if an image that we have names it. */
  layerBytes(chainId: Digest): number | undefined {
    for (const { chainIds, layerBytes } of this.#list.records.values()) {
      const position = chainIds.indexOf(chainId);
      if (position >= 0) return layerBytes[position];
    }
    return undefined;
  }

  /** Whether an image that we have was put together from this blob for this layer: then it has been seen to unpack to that. */
  unpacksTo(blob: Digest, chainId: Digest): boolean {
    return this.records().some(({ chainIds, layers }) =>
      chainIds.some((id, at) => id === chainId && layers?.[at]?.digest === blob),
    );
  }

  /** Every layer and every blob that an image names. */
  named(): { readonly chainIds: Set<Digest>; readonly blobs: Set<Digest> } {
    const records = this.records();
    return {
      chainIds: new Set(records.flatMap(({ chainIds }) => chainIds)),
      blobs: new Set(records.flatMap(blobsOf)),
    };
  }

  /**
   * Adds an image and moves references to it. Its layers and blobs must be in place and synced. Other names of the same image keep
   * the manifests that they stand for.
   *
   * @returns also whether a manifest has lost its last name, and gone
   */
  async add(record: ImageRecord, references: readonly ImageReference[]): Promise<Named> {
    const records = new Map(this.#list.records);
    const known = this.records().filter(({ id }) => id === record.id);
    records.delete(record.manifestDigest); // what came last is at the end
    const added = { ...record, repositories: repositoriesOf(known, references) };
    const hasFreed = await this.#name(records.set(record.manifestDigest, added), references, namedManifest(record));
    return { image: this.#found(references, record.id), hasFreed };
  }

  /** Gives an image one more name, that stands for what the one stands for by which it was found. @returns as {@link add} */
  async name({ id, manifestDigest, trust }: Image, reference: ImageReference): Promise<Named> {
    const records = [...this.#list.records].map(([digest, record]) => {
      if (record.id !== id) return [digest, record] as const;
      return [digest, { ...record, repositories: repositoriesOf([record], [reference]) }] as const;
    });
    const named = { manifest: manifestDigest, ...(trust && { trust }) };
    const hasFreed = await this.#name(new Map(records), [reference], named);
    return { image: this.#found([reference], id), hasFreed };
  }

  async #name(
    records: ReadonlyMap<Digest, ImageRecord>,
    references: readonly ImageReference[],
    named: NamedManifest,
  ): Promise<boolean> {
    const names = new Map(this.#list.names);
    for (const reference of references) names.set(storedName(reference), named);
    const list = settledList({ records, names });
    await this.#replace(list);
    await this.#writeLayout();
    await this.keepReserve();
    return list.records.size < records.size;
  }

  /**
   * Takes names away, and the images that are given; on a full disk, too.
   *
   * @returns whether something has gone that had blobs or layers
   */
  async drop(references: readonly string[], ids: readonly Digest[]): Promise<boolean> {
    const records = new Map([...this.#list.records].filter(([, { id }]) => !ids.includes(id)));
    const rest = [...this.#list.names].filter(
      ([name, { manifest }]) => !references.includes(name) && records.has(manifest),
    );
    const list = settledList({ records, names: new Map(rest) });
    const recordsBefore = this.#list.records.size;
    await this.#reserve.within(() => this.#replace(list));
    await this.#writeLayout();
    return list.records.size < recordsBefore;
  }

  /** Keeps room on the disk for the next removal, where there is any. */
  async keepReserve(): Promise<void> {
    await this.#reserve.take(imageListText(this.#list).length);
  }

  async #replace(list: ImageList): Promise<void> {
    await this.#files.makeDirectory(this.#root, { parents: true });
    await this.#files.writeAtomic(`${this.#root}/images.json`, imageListText(list), { durability: 'synced' });
    await this.#files.syncDirectory(this.#root);
    this.#list = list;
  }

  /** Not synced: what a crash leaves is replaced at a start, and what a full disk leaves by the next change. Nothing here reads it. */
  async #writeLayout(): Promise<void> {
    try {
      const path = `${this.#root}/oci-layout`;
      if (!(await this.#files.exists(path))) await this.#files.writeAtomic(path, OCI_LAYOUT);
      await this.#files.writeAtomic(`${this.#root}/index.json`, layoutIndex(this.#list));
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
  }

  #stored(id: Digest): StoredImage | undefined {
    const records = this.records().filter((record) => record.id === id);
    const own = new Map(records.map((record) => [record.manifestDigest, record]));
    return imagesOf({ records: own, names: this.#list.names })[0];
  }

  #found([reference]: readonly ImageReference[], id: Digest): Image {
    return (reference === undefined ? this.byId(id) : this.byReference(reference)) as Image;
  }

  /** An image as the one of its records has it that was found. */
  #imageOf({ references }: StoredImage, record: ImageRecord, trust: TrustVerdict | undefined): Image {
    const { id, manifestDigest, config, chainIds, layerBytes, sizeBytes, createdAt, architecture, os } = record;
    const image = { id, manifestDigest, config, chainIds, layerBytes, sizeBytes, createdAt, architecture, os };
    const manifestOf = (name: string): Digest => this.#list.names.get(name)?.manifest ?? manifestDigest;
    const manifestDigests = Object.fromEntries(references.map((name) => [name, manifestOf(name)]));
    return { ...image, ...(trust && { trust }), references, manifestDigests };
  }
}

/** Of what is known and what is new, the latest ones. */
function repositoriesOf(known: readonly ImageRecord[], references: readonly ImageReference[]): readonly string[] {
  const before = known.flatMap(({ repositories = [] }) => repositories);
  return [...new Set([...references.flatMap(repositoryOf), ...before])].slice(0, MAX_REPOSITORIES);
}

function repositoryOf(reference: ImageReference): readonly string[] {
  return reference.kind === 'registry' ? [`${reference.registry}/${reference.repository}`] : [];
}
