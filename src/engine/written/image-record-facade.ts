import type { JsonObject } from '../../image/json-fields.ts';
import type { Image } from '../../model/image-config.ts';

/** An image with what it is made of, as its documents tell. */
export interface ImageDetails {
  readonly image: Image;
  /** The manifest and the config that were pulled or made here, in full. */
  readonly manifest: JsonObject;
  readonly config: JsonObject;
}

/** What images are called, and what they tell of themselves. */
export interface ImageRecordOperations {
  /** Gives an image one more name; another image that had it loses it. @throws not-found; invalid-argument */
  tag(text: string, reference: string): Promise<Image>;
  /** @throws not-found */
  details(text: string): Promise<ImageDetails>;
}
