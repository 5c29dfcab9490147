import type { Digest } from '../../model/digest.ts';
import type { Descriptor } from '../manifest.ts';
import { OCI_MANIFEST } from '../media-types.ts';
import { parseArtifact } from '../trust/artifact.ts';

/** Manifests of a layout that are looked at for what they refer to. */
const MAX_LOOKED_AT = 256;

/**
 * The manifests of a layout that speak of another one. A layout has no list of them (OCI image-spec v1.1, image-layout.md):
 * each manifest of its index says itself what it refers to.
 */
export async function layoutReferrers<Entry extends Descriptor>(
  entries: readonly Entry[],
  subject: Digest,
  read: (entry: Entry) => Promise<Uint8Array>,
): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  for (const entry of entries.filter(({ mediaType }) => mediaType === OCI_MANIFEST).slice(0, MAX_LOOKED_AT)) {
    if (subjectOf(await read(entry)) === subject) found.push(entry);
  }
  return found;
}

function subjectOf(bytes: Uint8Array): Digest | undefined {
  const unreadable = new Error('no artifact');
  try {
    return parseArtifact(bytes, () => {
      throw unreadable;
    }).subject;
  } catch (error) {
    if (error === unreadable) return undefined;
    throw error;
  }
}
