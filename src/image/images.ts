import type { Digest } from '../model/digest.ts';
import type { Image } from '../model/image-config.ts';
import type { RegistryCredential } from '../model/registry-credential.ts';

/** Where a pull is; one event per change, at most a few per second and layer. */
export type PullProgress =
  | {
      readonly kind: 'resolved';
      readonly reference: string;
      readonly layers: readonly { readonly digest: Digest; readonly sizeBytes: number }[];
    }
  | {
      readonly kind: 'layer';
      readonly digest: Digest;
      readonly state: 'exists' | 'fetching' | 'unpacked';
      readonly doneBytes: number;
    }
  | { readonly kind: 'done'; readonly id: Digest };

export interface PullOptions {
  /** `os/architecture[/variant]`; default the host's. */
  readonly platform?: string;
  /** Shown to the registry of the reference, and to no mirror of it. */
  readonly credential?: RegistryCredential;
  readonly onProgress?: (progress: PullProgress) => void;
  readonly signal?: AbortSignal;
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
   *   permission-denied (registry refuses), resource-exhausted (a bound of ours, disk full)
   */
  pull(reference: string, options?: PullOptions): Promise<Image>;
  /** The image that is part of Isopod itself (`hello`), put together in the store at first use. */
  embedded(name: string): Promise<Image | undefined>;
  list(): Promise<readonly Image[]>;
  /**
   * Takes a reference (or, by id, all of them) away; the content goes once nothing names it.
   *
   * @param inUse image ids that containers use; asked when nothing else changes the images any more
   * @returns what was untagged and what was deleted
   * @throws {EngineError} not-found; failed-precondition when a container uses the image
   */
  remove(
    text: string,
    inUse: () => ReadonlySet<Digest>,
  ): Promise<{ readonly untagged: readonly string[]; readonly deleted: readonly Digest[] }>;
  /** Host directory of a layer's unpacked tree. */
  layerDirectory(chainId: Digest): string;
  /** Sweeps what a killed pull left behind. Called once, when the engine starts. */
  recover(): Promise<void>;
}
