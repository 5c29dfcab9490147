import { defineErrors } from './error.ts';
import { parseAbsolutePath } from './text-check.ts';

/** What of the container's tree is hidden beyond the usual, and what of the usual is not. */
export interface HiddenPathsConfig {
  /** Hidden too; a path that is not there is passed over. */
  readonly mask?: readonly string[];
  /** Neither hidden nor read-only; `/dir/*` is all below it. */
  readonly unmask?: readonly string[] | 'all';
}

export type HiddenPathsRequest = { readonly [Name in keyof HiddenPathsConfig]?: HiddenPathsConfig[Name] | undefined };

export const hiddenPathsErrors = defineErrors('hidden-paths', {
  tooMany: {
    kind: 'invalid-argument',
    message: (d: { field: string; count: number; most: number }) =>
      `${d.count} paths to ${d.field}, and at most ${d.most} are allowed`,
  },
  wholeRoot: {
    kind: 'invalid-argument',
    message: () => 'the whole root file system is to be hidden',
    remedy: () => 'name what is in it',
  },
});

const MOST = 256;

/** @throws {EngineError} `hidden-paths.*`, `text.*` (invalid-argument) */
export function parseHiddenPaths({ mask, unmask }: HiddenPathsRequest): HiddenPathsConfig {
  const hidden = mask?.map((path) => parseAbsolutePath('path to mask', path));
  if (hidden?.includes('/')) throw hiddenPathsErrors.wholeRoot();
  const shown = unmask === 'all' ? unmask : unmask?.map((path) => parseAbsolutePath('path to unmask', path));
  for (const [field, paths] of Object.entries({ mask: hidden, unmask: shown })) {
    if (Array.isArray(paths) && paths.length > MOST) {
      throw hiddenPathsErrors.tooMany({ field, count: paths.length, most: MOST });
    }
  }
  return { ...(hidden && { mask: hidden }), ...(shown && { unmask: shown }) };
}
