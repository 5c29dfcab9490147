/** What is at a path of the caller's. */
export interface LocalFacts {
  readonly isDirectory: boolean;
  readonly isFile: boolean;
  /** Of a symlink that was not followed, else empty. */
  readonly linkTarget: string;
}

/** Why an archive could not be written or unpacked: an errno, 0 where the program itself failed. */
export interface ArchiveFailure {
  readonly errno: number;
  readonly about: string;
}

/** The caller's own files, with the caller's rights. */
export interface LocalArchive {
  /** @returns `undefined` where nothing is. Rejects with Node's error for what cannot be looked at */
  lookAt(path: string, followLink: boolean): Promise<LocalFacts | undefined>;
  /** A tar stream; what failed is told to `failed`, and thrown. */
  pack(request: {
    readonly path: string;
    readonly name: string;
    readonly followLink: boolean;
    readonly archive: boolean;
    readonly failed: (failure: ArchiveFailure) => Error;
  }): AsyncIterable<Uint8Array>;
  /** @returns what failed, if anything; throws what the source throws */
  unpack(
    target: { readonly directory: string; readonly archive: boolean },
    source: AsyncIterable<Uint8Array>,
  ): Promise<ArchiveFailure | undefined>;
}
