import type { Digest } from './digest.ts';

/** Which images go when images are pruned. An image that a container uses never does. */
export interface ImagePrunePolicy {
  /** Those that have names, too; else only those that lost theirs. */
  readonly all: boolean;
  /** References or ids of images that stay. */
  readonly excluded: readonly string[];
  /** Only those that were neither stored nor used by a container for so long. */
  readonly unusedForMs?: number;
  /** Only those that were made before this moment, by what their builders say. */
  readonly createdBeforeMs?: number;
  /** `key` or `key=value`, all of which an image must have … */
  readonly labels: readonly string[];
  /** … and none of which it may have. */
  readonly withoutLabels: readonly string[];
  /** Of each name so many stay, those that were stored last. */
  readonly keepNewest?: number;
  /** No more than it takes until the file system is at most so full, those first that were unused for longest. */
  readonly lowWaterPercent?: number;
  /** Nothing is taken away, only told. */
  readonly dryRun: boolean;
}

/** What is collected without being asked for, again and again. */
export interface ImageCollectionPolicy {
  /** Images that were unused for so long go. */
  readonly unusedForMs?: number;
  /** Of each name so many stay, whatever else is said; alone: all others go that nobody uses. */
  readonly keepNewest?: number;
  /** From here on images go that nobody uses … */
  readonly highWaterPercent?: number;
  /** … until the file system is no fuller than this. */
  readonly lowWaterPercent?: number;
  readonly everyMs: number;
}

/** What is gone; of a dry run what would be, now. */
export interface PrunedImages {
  readonly untagged: readonly string[];
  readonly deleted: readonly string[];
  /** Layers of which what had come in part is gone. */
  readonly partials: readonly Digest[];
  /** Unpacked layers, by chain id, and blobs, by digest, that no image had. */
  readonly leftovers: readonly Digest[];
  /** Of unpacked layers, blobs and partial downloads together. */
  readonly reclaimedBytes: number;
  /** What would have gone, too, and is still here, because a pull, a load or a commit that is under way counts on it. */
  readonly heldBytes: number;
}

/** What images take on disk. Layers that images share count once. */
export interface ImageDiskUse {
  readonly images: readonly ImageShare[];
  readonly layers: readonly LayerShare[];
  readonly unpackedBytes: number;
  readonly blobBytes: number;
  /** Layers that have come in part, to go on with. */
  readonly partialBytes: number;
  /** What would go with the images that no container uses, partial downloads included. */
  readonly reclaimableBytes: number;
}

export interface ImageShare {
  readonly id: Digest;
  readonly references: readonly string[];
  readonly inUse: boolean;
  /** Unpacked layers and blobs, shared or not. */
  readonly sizeBytes: number;
  /** Of these, what no other image has. */
  readonly uniqueBytes: number;
  readonly lastUsedAtMs: number | undefined;
}

/** The unpacked tree of a layer. */
export interface LayerShare {
  readonly chainId: Digest;
  /** Ids of the images that have it. */
  readonly images: readonly Digest[];
  readonly sizeBytes: number;
}

/** Which images are looked at, and whether what can be mended is. */
export interface ImageVerification {
  /** References or ids; none means all images. */
  readonly images: readonly string[];
  readonly repair: boolean;
}

/** Something of an image that is not as it came. */
export interface ImageFault {
  /** `layer-image`: the file that the backend erofs has made of a layer's tree. */
  readonly part: 'manifest' | 'config' | 'layer' | 'tree' | 'layer-image';
  /** Of the blob; for a tree or an image of one the layer's chain id. */
  readonly digest: Digest;
  readonly state: 'missing' | 'damaged' | 'changed';
  /** What was found, in words. */
  readonly found: string;
  readonly isRepaired: boolean;
  /** Chain id of the layer, whose tree is here and could not be looked at for want of the blob: it may have changed or not. */
  readonly uncheckedTree?: Digest;
  /** What is left to do; absent when nothing is. */
  readonly remedy?: string;
}

export interface VerifiedImage {
  readonly id: Digest;
  readonly references: readonly string[];
  readonly faults: readonly ImageFault[];
  /** Layers that cannot be looked at, for an older version kept them unpacked only. */
  readonly uncheckedLayers: number;
  /** Absent: the backend erofs has made none of its layers, or none that could be held against a tree as it came. */
  readonly layerImages?: LayerImageCounts;
}

/** Of the images that the backend erofs has made of layers. */
export interface LayerImageCounts {
  readonly made: number;
  /** Those that fs-verity seals as it did when they were made: what the kernel reads of them is what was made. */
  readonly sealed: number;
  /** Those that cannot be looked at, for this kernel mounts none. */
  readonly unchecked: number;
}

/** What was found of an image of a layer. */
export interface LayerImageFinding {
  readonly isSealed: boolean;
  /** It could not be looked at, which says nothing against it. */
  readonly isUnchecked: boolean;
  readonly fault?: Pick<ImageFault, 'state' | 'found'>;
}
