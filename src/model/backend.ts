/** The ways in which an image becomes a root file system. */
export const BACKENDS = ['overlay', 'copy', 'bind', 'erofs'] as const;
export type BackendName = (typeof BACKENDS)[number];

/** Which way was taken, and why this one. */
export interface BackendChoice {
  readonly name: BackendName;
  readonly because: string;
}
