import type { Digest } from '../model/digest.ts';
import type { DockerHost } from '../model/docker-host.ts';
import type { Image } from '../model/image-config.ts';
import type { RegistryCredential } from '../model/registry-credential.ts';
import type { BlobStore } from './blob-store.ts';
import type { ImageUpkeep } from './collect/upkeep.ts';
import type { Lease } from './leases.ts';
import type { Registries } from './registry/registries.ts';
import type { ImageSource } from './source.ts';
import type { SourceNotice } from './source-notice.ts';
import type { ImageOrigin } from './trust/image-trust.ts';

/** Where a pull is; one event per change, at most a few per second and layer. */
export type PullProgress =
  | {
      readonly kind: 'resolved';
      readonly reference: string;
      readonly layers: readonly { readonly digest: Digest; readonly sizeBytes: number }[];
      /** The only image that there is, when it is for another platform than this machine, as `os/architecture[/variant]`. */
      readonly otherPlatform?: { readonly image: string; readonly wanted: string };
    }
  | {
      readonly kind: 'layer';
      readonly digest: Digest;
      readonly state: 'exists' | 'fetching' | 'unpacked';
      readonly doneBytes: number;
    }
  | SourceNotice
  | { readonly kind: 'done'; readonly id: Digest };

export interface PullOptions {
  /** Refuses an image that no signature speaks for, even where the trust policy asks for none. Default false. */
  readonly requireSignature?: boolean;
  /** `os/architecture[/variant]`; default the host's. */
  readonly platform?: string;
  /** Shown to the registry of the reference, and to no mirror of it. */
  readonly credential?: RegistryCredential;
  /** Where `docker-daemon:` leads; default: as the store was told. */
  readonly dockerHost?: DockerHost;
  readonly onProgress?: (progress: PullProgress) => void;
  readonly signal?: AbortSignal;
}

export interface FetchOptions extends PullOptions {
  /** Where the source is, by which the trust policy judges it; without it the policy's default does. */
  readonly origin?: ImageOrigin;
}

export interface AdoptOptions extends Pick<PullOptions, 'signal' | 'onProgress'> {
  /** Where it comes from, by which the trust policy judges it; what was made here comes from nowhere and is not judged. */
  readonly origin?: ImageOrigin;
}

/** What becomes of an image that is more than one name, or that somebody needs. */
export interface RemoveOptions {
  /** By id, with names of several repositories: all of them go, unless that is refused. */
  readonly severalNames?: 'remove' | 'refuse';
  /** One that a container uses: `untag` takes its names, and it stays without any. */
  readonly used?: 'refuse' | 'untag';
}

/** An image whose blobs of layers are in the store, held by a lease, and which nothing names yet. */
export interface NewImage {
  readonly manifest: Uint8Array;
  readonly config: Uint8Array;
}

/** The images of one root directory: content-addressed, layers unpacked once and shared. */
export interface Images {
  /** An image by reference, id or unambiguous id prefix; `undefined` when the store has none. */
  find(text: string): Promise<Image | undefined>;
  /**
   * Fetches an image from where the reference points: a registry, `oci:DIRECTORY[:tag]` or `oci-archive:FILE[:tag]`.
   * Two pulls of one reference are one pull.
   *
   * @throws {EngineError} not-found (unknown image or tag), unavailable (registry down), data-loss (wrong digest or
   *   diff id, truncated layer), invalid-argument (malformed reference, no manifest for the platform),
   *   permission-denied (the registry or the trust policy refuses), resource-exhausted (a bound of ours, disk full)
   */
  pull(reference: string, options?: PullOptions): Promise<Image>;
  /**
   * Fetches an image from a source and gives it names of the caller's choosing: what load and copy do.
   *
   * @param references normalised or not; none leaves the image without a name
   * @throws {EngineError} as {@link pull}
   */
  fetch(open: () => ImageSource, references: readonly string[], options?: FetchOptions): Promise<Image>;
  /**
   * Makes an image of blobs that are here: of a manifest, a config, and the layers that the manifest names, which were
   * written to {@link blobs} under a lease. Unpacks them, and keeps what layers are unpacked already.
   *
   * @throws {EngineError} not-found when a layer's blob is not here; data-loss when something does not fit together
   */
  adopt(image: NewImage, references: readonly string[], options?: AdoptOptions): Promise<Image>;
  /**
   * Gives an image one more name; another image that had it loses it.
   *
   * @throws {EngineError} not-found; invalid-argument when the name is none of a registry, or pins a digest
   */
  tag(text: string, reference: string): Promise<Image>;
  /** An image of ours as a source, for push, save and copy. @throws {EngineError} not-found */
  source(text: string): Promise<ImageSource>;
  /** What images are made of. Whoever writes to it holds a {@link lease}. */
  readonly blobs: BlobStore;
  /** A registry that says nothing for so long is given up, or asked once more. */
  readonly stallMs: number;
  /** What images take, and which of them go. */
  readonly upkeep: ImageUpkeep;
  /** Where images come from and go to, as this machine knows them. */
  readonly registries: Registries;
  /** Keeps blobs and layers from collection while an image is being made of them. */
  lease(): Lease;
  /** Gives a lease back of which no image has come, and takes the blobs away that nothing else needs. */
  discard(lease: Lease): Promise<void>;
  /** The image that is part of Isopod itself (`hello`), put together in the store at first use. */
  embedded(name: string): Promise<Image | undefined>;
  list(): Promise<readonly Image[]>;
  /**
   * Takes a reference (or, by id, all of them) away; the content goes once nothing names it.
   *
   * @param inUse image ids that containers use; asked when nothing else changes the images any more
   * @returns what was untagged and what was deleted
   * @throws {EngineError} not-found; failed-precondition when a container uses the image, or as options say
   */
  remove(
    text: string,
    inUse: () => ReadonlySet<Digest>,
    options?: RemoveOptions,
  ): Promise<{ readonly untagged: readonly string[]; readonly deleted: readonly Digest[] }>;
  /** Host directory of a layer's unpacked tree. */
  layerDirectory(chainId: Digest): string;
  /** Sweeps what a killed pull left behind, but for bytes that the next one can go on with. Called once, when the engine starts. */
  recover(): Promise<void>;
}
