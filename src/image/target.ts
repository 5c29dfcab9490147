import type { Digest } from '../model/digest.ts';
import type { Descriptor } from './manifest.ts';

/** A manifest or index that is handed over, byte for byte. */
export interface ManifestContent {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/**
 * Where an image's parts go: a registry, a layout or an archive on disk. Blobs come before the manifest that names them,
 * manifests before the index that names them, and the root comes last.
 */
export interface ImageTarget {
  /** Names the target in errors. */
  readonly name: string;
  /** Whether its readers know OCI's documents alone: then Docker's are converted for it, and have other digests there. */
  readonly isOciOnly?: boolean;
  /** Whether it is written from its beginning to its end as it comes: a blob that has failed cannot be put once more. */
  readonly isStream?: boolean;
  /** Whether it holds images alone: then what is an artifact is refused before anything of it is asked for. */
  readonly isImagesOnly?: boolean;
  /** Whether it has a blob already, or could be given it without its bytes being sent. */
  hasBlob(descriptor: Descriptor, signal: AbortSignal): Promise<boolean>;
  /**
   * Called with what the target's reference is to name, before anything else; absent where whatever is an image will do.
   *
   * @throws {EngineError} when the target cannot hold it: an index of several platforms, for most archives
   */
  checkRoot?(root: { readonly bytes: Uint8Array; readonly mediaType: string | undefined }): void;
  /**
   * Stores a config or a layer.
   *
   * @param content its bytes, which the caller has checked or checks while they flow; called again for another attempt
   * @throws what `content` throws, and nothing half-written is then taken for the blob
   */
  putBlob(descriptor: Descriptor, content: () => AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** @param role the `root` is what the target's reference names; a `part` is found by its digest alone */
  putManifest(manifest: ManifestContent, role: 'root' | 'part', signal: AbortSignal): Promise<void>;
  /** Makes what was written visible, all at once where the target can. */
  finish(signal: AbortSignal): Promise<void>;
  /** Gives back connections and files; without `finish` before it, what was begun is taken away. */
  close(): Promise<void>;
}
