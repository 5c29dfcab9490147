/** A layer as an erofs image, and the directory that it was made from. */
export interface LayerImage {
  readonly file: string;
  readonly directory: string;
  /** `sha256:…` of one that fs-verity seals. */
  readonly verity?: string;
  /** It is not there yet, and the launch makes it; only where a plan is shown and nothing launched. */
  readonly isToBeMade?: true;
}

/** How the root file system of an image comes to be, by each backend; layers stand top first. */
export type ImageRecipe = {
  /** Why it is this backend. */
  readonly because?: string;
} & (
  | {
      readonly kind: 'overlay';
      readonly lowerDirs: readonly string[];
      /** Absent: read-only. */
      readonly upperDir?: string;
      readonly workDir?: string;
    }
  /** `path` holds all that the layers show, and is the container's own. */
  | { readonly kind: 'copy'; readonly lowerDirs: readonly string[]; readonly path: string }
  /** The one layer itself, read-only. */
  | { readonly kind: 'bind'; readonly path: string }
  | {
      readonly kind: 'erofs';
      readonly layers: readonly LayerImage[];
      readonly upperDir: string;
      readonly workDir: string;
    }
);

/** How the root file system comes to be, without any mount on the host. */
export type RootfsRecipe = ImageRecipe | { readonly kind: 'directory'; readonly path: string };
