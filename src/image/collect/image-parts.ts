import type { Digest } from '../../model/digest.ts';
import { blobsOf, type StoredImage } from '../store/image-record.ts';

/** An image with what it takes: layers by chain id, blobs by digest, each with its bytes. */
export interface Parts {
  readonly id: Digest;
  readonly unpacked: ReadonlyMap<Digest, number>;
  readonly blobs: ReadonlyMap<Digest, number>;
}

/** One thing on disk: the tree of a layer by its chain id, or a blob by its digest. */
export interface Part {
  readonly kind: 'tree' | 'blob';
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** @param blobSizes of the blobs that are here */
export function partsOf({ id, records }: StoredImage, blobSizes: ReadonlyMap<Digest, number>): Parts {
  const [{ chainIds, layerBytes }] = records;
  return {
    id,
    unpacked: new Map(chainIds.map((chainId, index) => [chainId, layerBytes[index] ?? 0])),
    blobs: new Map(records.flatMap(blobsOf).map((digest) => [digest, blobSizes.get(digest) ?? 0])),
  };
}

/** What some images have and none of the others has, each thing once. Pure. */
export function partsOnlyOf(images: readonly Parts[], others: readonly Parts[]): readonly Part[] {
  return [
    ...onlyOf('tree', images, others, ({ unpacked }) => unpacked),
    ...onlyOf('blob', images, others, ({ blobs }) => blobs),
  ];
}

function onlyOf(
  kind: Part['kind'],
  images: readonly Parts[],
  others: readonly Parts[],
  sizesOf: (parts: Parts) => ReadonlyMap<Digest, number>,
): readonly Part[] {
  const kept = new Set(others.flatMap((parts) => [...sizesOf(parts).keys()]));
  const own = new Map(images.flatMap((parts) => [...sizesOf(parts)]));
  return [...own].filter(([digest]) => !kept.has(digest)).map(([digest, sizeBytes]) => ({ kind, digest, sizeBytes }));
}
