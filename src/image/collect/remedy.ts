import type { Digest } from '../../model/digest.ts';
import { parseImageReference } from '../../model/image-reference.ts';
import type { ImageIndex } from '../image-index.ts';
import { blobsOf, type ImageRecord } from '../store/image-record.ts';

/** An image with the names that it has now. */
export interface NamedRecord {
  readonly record: ImageRecord;
  readonly references: readonly string[];
}

/** The name that an image is told by: one of a registry, where it has one, for anybody can pull it by that. Pure. */
export function shownName(references: readonly string[]): string | undefined {
  return references.find((name) => parseImageReference(name).kind === 'registry') ?? references[0];
}

/**
 * What brings a blob back that is damaged or gone: the pull of an image that has it, if any was pulled. Pure.
 *
 * @param damaged the image that misses it
 * @param all what is in the store
 * @param mustGo it is damaged and still here, in the way of what comes
 */
export function remedyFor(
  digest: Digest,
  damaged: NamedRecord,
  { all, mustGo }: { readonly all: readonly NamedRecord[]; readonly mustGo: boolean },
): string {
  const name = shownName(damaged.references) ?? damaged.record.id;
  const first = mustGo ? `isopod image verify --repair ${name}, then ` : '';
  const has = ({ record }: NamedRecord): boolean => blobsOf(record).includes(digest);
  const pulled = [damaged, ...all.filter(has)].find(
    ({ record, references }) => (record.comesBy ?? 'pull') === 'pull' && references.length > 0,
  );
  if (pulled !== undefined) return `${first}isopod pull ${shownName(pulled.references)}`;
  switch (damaged.record.comesBy) {
    case 'load':
      return `${first}isopod load the archive that it came from`;
    case 'make':
      return `it was made here and cannot be pulled: isopod rmi ${name}, and import or commit it anew (where it was pushed to, it can be pulled from)`;
    default:
      return `${first}pull it by the name that it had: here it is only known as ${name}`;
  }
}

/** {@link remedyFor} an image of an index. Pure. */
export function remedyIn(
  index: Pick<ImageIndex, 'records' | 'namesOf'>,
  { record, digest, mustGo }: { readonly record: ImageRecord; readonly digest: Digest; readonly mustGo: boolean },
): string {
  const named = (one: ImageRecord): NamedRecord => ({ record: one, references: index.namesOf(one.manifestDigest) });
  return remedyFor(digest, named(record), { all: index.records().map(named), mustGo });
}
