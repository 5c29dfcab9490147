import type { Digest } from '../../model/digest.ts';
import type { ImageDiskUse, LayerShare } from '../../model/image-upkeep.ts';
import type { StoredImage } from '../store/image-record.ts';
import { type Parts, partsOf } from './image-parts.ts';

/** @param blobSizes of the blobs that are here */
export function imageDiskUse(
  images: readonly StoredImage[],
  about: {
    readonly blobSizes: ReadonlyMap<Digest, number>;
    readonly partialBytes: number;
    readonly inUse: ReadonlySet<Digest>;
    readonly lastUsed: ReadonlyMap<string, number>;
  },
): ImageDiskUse {
  const { blobSizes, partialBytes, inUse, lastUsed } = about;
  const parts = images.map((image) => partsOf(image, blobSizes));
  const owners = ownersOf(parts);
  const used = parts.filter(({ id }) => inUse.has(id));
  const all = unionBytes(parts);
  const kept = unionBytes(used);
  return {
    images: images.map(({ id, references }, index) => ({
      ...{ id, references, inUse: inUse.has(id), lastUsedAtMs: lastUsed.get(id) },
      ...sharesOf(parts[index] as Parts, owners),
    })),
    layers: layerShares(images),
    unpackedBytes: all.unpacked,
    blobBytes: all.blobs,
    partialBytes,
    reclaimableBytes: all.unpacked + all.blobs - kept.unpacked - kept.blobs + partialBytes,
  };
}

/** Each layer once, with all of its images. */
function layerShares(images: readonly StoredImage[]): readonly LayerShare[] {
  const layers = new Map<Digest, { readonly sizeBytes: number; readonly images: Digest[] }>();
  for (const { id, records } of images) {
    const [{ chainIds, layerBytes }] = records;
    for (const [index, chainId] of chainIds.entries()) {
      const layer = layers.get(chainId) ?? { sizeBytes: layerBytes[index] ?? 0, images: [] };
      if (!layer.images.includes(id)) layer.images.push(id);
      layers.set(chainId, layer);
    }
  }
  return [...layers].map(([chainId, layer]) => ({ chainId, ...layer }));
}

/** How many images have a part. */
function ownersOf(parts: readonly Parts[]): ReadonlyMap<string, number> {
  const owners = new Map<string, number>();
  for (const { unpacked, blobs } of parts) {
    for (const key of keysOf(unpacked, blobs)) owners.set(key, (owners.get(key) ?? 0) + 1);
  }
  return owners;
}

function sharesOf(
  { unpacked, blobs }: Parts,
  owners: ReadonlyMap<string, number>,
): { readonly sizeBytes: number; readonly uniqueBytes: number } {
  let sizeBytes = 0;
  let uniqueBytes = 0;
  for (const [prefix, bytesOf] of [
    ['tree', unpacked],
    ['blob', blobs],
  ] as const) {
    for (const [key, bytes] of bytesOf) {
      sizeBytes += bytes;
      if (owners.get(`${prefix} ${key}`) === 1) uniqueBytes += bytes;
    }
  }
  return { sizeBytes, uniqueBytes };
}

/** A lowest layer's chain id is its diff id, and that of a plain layer its blob's digest: trees and blobs are told apart. */
function keysOf(unpacked: ReadonlyMap<string, number>, blobs: ReadonlyMap<string, number>): readonly string[] {
  return [...[...unpacked.keys()].map((key) => `tree ${key}`), ...[...blobs.keys()].map((key) => `blob ${key}`)];
}

function unionBytes(parts: readonly Parts[]): { readonly unpacked: number; readonly blobs: number } {
  const sum = (maps: readonly ReadonlyMap<string, number>[]): number =>
    [...new Map(maps.flatMap((map) => [...map])).values()].reduce((total, bytes) => total + bytes, 0);
  return { unpacked: sum(parts.map(({ unpacked }) => unpacked)), blobs: sum(parts.map(({ blobs }) => blobs)) };
}
