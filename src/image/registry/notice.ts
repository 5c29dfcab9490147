/** What is told of a registry while something is done with it. */
export type RegistryNotice =
  /** It has not served, and is asked once more when `delayMs` have passed. */
  | {
      readonly kind: 'retry';
      /** As a sentence without its end, with the name of the host. */
      readonly reason: string;
      readonly delayMs: number;
      /** Which attempt comes, of how many. */
      readonly attempt: number;
      readonly attempts: number;
    }
  /** One of its hosts has failed, and the next one is asked instead. */
  | { readonly kind: 'left'; readonly host: string; readonly reason: string; readonly next: string };

/** Told of each before it is acted on. */
export type OnNotice = (notice: RegistryNotice) => void;
