import type { Image } from '../../model/image-config.ts';
import type { Descriptor } from '../manifest.ts';

/** An image as `images.json` keeps it; its references are kept beside it. */
export interface ImageRecord extends Omit<Image, 'references'> {
  /** What its manifest is, and the layers as they came, bottom first; absent when an older version pulled it: it kept no layers' blobs. */
  readonly manifest?: { readonly mediaType: string; readonly sizeBytes: number };
  readonly layers?: readonly Descriptor[];
  /** How it last came: by a pull unless said, with an archive that was loaded, or by an import or a commit. */
  readonly comesBy?: 'pull' | 'load' | 'make';
  /** When it was stored here, in milliseconds since 1970. */
  readonly storedAtMs?: number;
  /** Repositories that it was ever named by, without tags; they tell the newest few of a name when a tag has moved on. */
  readonly repositories?: readonly string[];
}
