import { type Digest, isDigest } from '../../model/digest.ts';
import { defineErrors } from '../../model/error.ts';
import type { ImageRecord, NamedManifest, StoredImage } from './image-record.ts';

/** What `images.json` holds: the images by the digests of their manifests, those that came last at the end, and their names. */
export interface ImageList {
  readonly records: ReadonlyMap<Digest, ImageRecord>;
  readonly names: ReadonlyMap<string, NamedManifest>;
}

export const imageListErrors = defineErrors('image-index', {
  unreadable: {
    kind: 'data-loss',
    message: (d: { path: string; reason: string }) => `the list of images ${d.path} cannot be read: ${d.reason}`,
    remedy: () => 'restore the file, or remove it and pull the images again',
  },
});

const VERSION = 2;
/** Names stood for image ids, and of an image there was one record. */
const VERSION_OF_IDS = 1;

interface ListFile {
  readonly version: number;
  readonly images: readonly ImageRecord[];
  readonly names: Readonly<Record<string, NamedManifest>>;
  readonly references: Readonly<Record<string, Digest>>;
}

/** @throws {EngineError} `image-index.unreadable` (data-loss) */
export function parseImageList(path: string, text: string): ImageList {
  let content: Partial<ListFile> | null;
  try {
    content = JSON.parse(text) as Partial<ListFile> | null;
  } catch (error) {
    throw imageListErrors.unreadable({ path, reason: (error as Error).message }, error);
  }
  const version = content?.version;
  if (version !== VERSION && version !== VERSION_OF_IDS) {
    throw imageListErrors.unreadable({ path, reason: `its version is ${version}, not ${VERSION}` });
  }
  const names = version === VERSION ? content?.names : content?.references;
  if (!Array.isArray(content?.images) || typeof names !== 'object' || names === null) {
    throw imageListErrors.unreadable({ path, reason: 'it lists no images' });
  }
  const images: readonly ImageRecord[] = content.images;
  if (!images.every(isRecord))
    throw imageListErrors.unreadable({ path, reason: 'an image in it has no id or no manifest' });
  const records = new Map(images.map((record) => [record.manifestDigest, record]));
  if (version === VERSION_OF_IDS) return { records, names: namesOfIds(images, content.references ?? {}) };
  const stray = Object.entries(content.names ?? {}).find(([, named]) => !records.has(named?.manifest));
  if (stray !== undefined)
    throw imageListErrors.unreadable({ path, reason: `${JSON.stringify(stray[0])} names no image in it` });
  return { records, names: new Map(Object.entries(content.names ?? {})) };
}

function isRecord(value: Partial<ImageRecord> | null): boolean {
  const digests = [value?.id, value?.manifestDigest];
  return digests.every((digest) => digest !== undefined && isDigest(digest)) && Array.isArray(value?.chainIds);
}

function namesOfIds(
  images: readonly ImageRecord[],
  references: ListFile['references'],
): ReadonlyMap<string, NamedManifest> {
  const byId = new Map(images.map((record) => [record.id, record]));
  return new Map(
    Object.entries(references).flatMap(([name, id]) => {
      const record = byId.get(id);
      return record === undefined ? [] : [[name, namedManifest(record)] as const];
    }),
  );
}

/** What a name stands for by which a record has just come. */
export function namedManifest({ manifestDigest, trust }: ImageRecord): NamedManifest {
  return { manifest: manifestDigest, ...(trust === undefined ? {} : { trust }) };
}

export function imageListText({ records, names }: ImageList): string {
  return `${JSON.stringify({ version: VERSION, images: [...records.values()], names: Object.fromEntries(names) })}\n`;
}

/**
 * What is left once names have moved: of an image the records that a name stands for; without any name the one that its id stands
 * for. What is known of its repositories is known of each. Pure.
 */
export function settledList({ records, names }: ImageList): ImageList {
  const named = new Set([...names.values()].map(({ manifest }) => manifest));
  const kept = imagesOf({ records, names }).flatMap((image) => {
    const repositories = [...new Set(image.records.flatMap((record) => record.repositories ?? []))];
    const rest = image.records.filter(({ manifestDigest }) => named.has(manifestDigest));
    if (image.records.length === 1) return image.records;
    return (rest.length > 0 ? rest : image.records.slice(0, 1)).map((record) => ({ ...record, repositories }));
  });
  const byDigest = new Map(kept.map((record) => [record.manifestDigest, record]));
  const order = [...records.keys()].flatMap((digest) => byDigest.get(digest) ?? []);
  return { records: new Map(order.map((record) => [record.manifestDigest, record])), names };
}

/**
 * The images, each once, in the order in which they came first. Its id stands for the record that was pulled last, for that can
 * be pulled again, and without any for the last of all. Pure.
 */
export function imagesOf({ records, names }: ImageList): readonly StoredImage[] {
  const references = new Map<Digest, string[]>();
  for (const [name, { manifest }] of names) {
    const id = records.get(manifest)?.id;
    if (id === undefined) continue;
    const known = references.get(id);
    if (known === undefined) references.set(id, [name]);
    else known.push(name);
  }
  const images = new Map<Digest, ImageRecord[]>();
  for (const record of records.values()) {
    const known = images.get(record.id) ?? [];
    images.set(record.id, [record, ...known]);
  }
  return [...images].map(([id, newestFirst]) => {
    const pulled = newestFirst.filter(isPulled);
    const [first = newestFirst[0] as ImageRecord, ...rest] = [
      ...pulled,
      ...newestFirst.filter((record) => !isPulled(record)),
    ];
    return { id, records: [first, ...rest], references: (references.get(id) ?? []).sort() };
  });
}

function isPulled({ comesBy = 'pull' }: ImageRecord): boolean {
  return comesBy === 'pull';
}
