import type { Image } from '../../model/image-config.ts';

/** What became of one path of an image in a container. */
export interface FileChange {
  readonly kind: 'added' | 'changed' | 'deleted';
  /** From the container's root. */
  readonly path: string;
}

export interface CommitRequest {
  /** Name for the new image; without one it has its id alone. */
  readonly reference?: string | undefined;
  /** Instructions of a Dockerfile (`ENV A=b`), which change the image's config. */
  readonly changes: readonly string[];
  readonly message?: string | undefined;
  readonly author?: string | undefined;
  /** Its processes stand still while its files are read. */
  readonly pause: boolean;
}

/**
 * What a container has written over its image. Volumes, the kernel's directories and what the engine itself mounts or makes are
 * no part of it; owners are as the container has them.
 */
export interface WrittenOperations {
  /**
   * Paths that the container has added, changed or deleted, and the directories that they are in, in no order.
   *
   * @throws not-found; failed-precondition where nobody knows what there was before, or what it wrote is out of reach
   */
  changes(id: string, signal: AbortSignal): Promise<AsyncIterable<FileChange>>;
  /**
   * The whole root as a tar stream, image and container together; it is whole when it ends without an error.
   *
   * @throws not-found; failed-precondition when there is no root to look into
   */
  whole(id: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Makes an image of a container: one more layer on its image, and a config that says how it was run. There is nothing of
   * it before it is whole.
   *
   * @throws as `changes`; invalid-argument for a change that is none, and a name that no image can have
   */
  commit(id: string, request: CommitRequest, signal: AbortSignal): Promise<Image>;
}
