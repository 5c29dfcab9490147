/** Bounds on what comes from outside; every one of them is refused by name when it is passed. */
export interface ImageLimits {
  /** Largest manifest or index, as the distribution spec asks registries to accept (v1.1, "Pushing manifests"). */
  readonly maxManifestBytes: number;
  readonly maxConfigBytes: number;
  /** One overlay mount takes no more lower directories beside the upper one. */
  readonly maxLayers: number;
  readonly maxIndexEntries: number;
  /** Entries of one layer's tar. */
  readonly maxEntries: number;
  /** Unpacked bytes of one layer. */
  readonly maxLayerBytes: number;
  /** Extended headers of one tar entry. */
  readonly maxHeaderBytes: number;
  /** A layer may unpack to this many bytes whatever its compressed size … */
  readonly freeInflatedBytes: number;
  /** … and beyond that to no more than this multiple of it. */
  readonly maxInflationRatio: number;
  /** Memory that a compressed stream may ask for: the window of zstd, the dictionary of xz. As the zstd program allows. */
  readonly maxWindowBytes: number;
  readonly parallelLayers: number;
  /** A transfer without a single byte for so long is given up; a slow one is not. */
  readonly stallMs: number;
  /** How often a request is sent, or a blob gone on with, that brings nothing. */
  readonly requestAttempts: number;
  /** Before the second attempt; each later one waits twice as long. */
  readonly retryDelayMs: number;
  /** The longest wait before an attempt, a server's own wish included. */
  readonly maxRetryDelayMs: number;
}

export const DEFAULT_LIMITS: ImageLimits = {
  maxManifestBytes: 4 << 20,
  maxConfigBytes: 8 << 20,
  maxLayers: 127,
  maxIndexEntries: 1024,
  maxEntries: 1_000_000,
  maxLayerBytes: 64 * 2 ** 30,
  maxHeaderBytes: 1 << 20,
  freeInflatedBytes: 2 ** 30,
  maxInflationRatio: 200,
  maxWindowBytes: 128 * 2 ** 20,
  parallelLayers: 4,
  stallMs: 60_000,
  requestAttempts: 6,
  retryDelayMs: 500,
  maxRetryDelayMs: 60_000,
};
