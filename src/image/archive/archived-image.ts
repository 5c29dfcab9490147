/** An image of an archive as its list has it. */
export interface ArchivedImage {
  /** As they are written there: `alpine:3`. */
  readonly names: readonly string[];
  /** The config's bytes. */
  config(): Promise<Uint8Array>;
  /** Paths in the archive, bottom first. */
  readonly layers: readonly string[];
}
