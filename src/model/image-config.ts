import type { Digest } from './digest.ts';
import type { ImageHealth } from './health.ts';
import type { TrustVerdict } from './trust-verdict.ts';

/** The part of an image's config that a container needs at run time (OCI image-spec v1.1, config.md). */
export interface ImageRuntimeConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=value` */
  readonly env: readonly string[];
  readonly workdir: string;
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string | undefined;
  /** Paths that the image declares as volumes (VOLUME), as it writes them; absent without any. */
  readonly volumes?: readonly string[];
  /** Absent without one, and with the word that there is none. */
  readonly health?: ImageHealth;
}

/** An image whose layers are unpacked in the store. */
export interface Image {
  /** Digest of the config: the image id. */
  readonly id: Digest;
  /** Of the manifest by which it was found: that of the name; by its id the one that was pulled last. */
  readonly manifestDigest: Digest;
  /** Normalised references that name it now. */
  readonly references: readonly string[];
  /** The manifest that each of them stands for: the same image may have come with several, packed in other ways. */
  readonly manifestDigests: Readonly<Record<string, Digest>>;
  readonly config: ImageRuntimeConfig;
  /** Chain ids, bottom first; `layers/<chain id>` holds each layer's own tree. */
  readonly chainIds: readonly Digest[];
  /** Unpacked bytes of each layer, and of all. */
  readonly layerBytes: readonly number[];
  readonly sizeBytes: number;
  readonly createdAt: string | undefined;
  readonly architecture: string;
  readonly os: string;
  /** What the trust policy found when it last came by the name by which it was found, or by any; absent for one that was made here or came before verdicts were kept. */
  readonly trust?: TrustVerdict;
}
