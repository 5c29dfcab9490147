import type { RegistryNotice } from './registry/notice.ts';

/** What is told of a source while an image comes from it. */
export type SourceNotice =
  | RegistryNotice
  /** Something of the source does not come with the image. */
  | { readonly kind: 'warning'; readonly message: string };
