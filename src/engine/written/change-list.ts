import { defineErrors } from '../../model/error.ts';
import type { FileChange } from './written-facade.ts';

export const changeListErrors = defineErrors('written', {
  badRecord: {
    kind: 'internal',
    message: (d: { record: string }) => `the helper told ${JSON.stringify(d.record)} for a change of a file`,
  },
});

const KINDS: ReadonlyMap<string, FileChange['kind']> = new Map([
  ['A', 'added'],
  ['C', 'changed'],
  ['D', 'deleted'],
]);
const NUL = 0;

/** The list of the helper (wire-messages.ts, `CHANGES.list`), one change after the other. */
export async function* parseChanges(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<FileChange> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(NUL); end >= 0; end = rest.indexOf(NUL)) {
      yield parseOne(rest.subarray(0, end).toString('utf8'));
      rest = rest.subarray(end + 1);
    }
  }
  if (rest.length > 0) throw changeListErrors.badRecord({ record: rest.toString('utf8') });
}

function parseOne(record: string): FileChange {
  const kind = KINDS.get(record.slice(0, 1));
  if (kind === undefined || record[1] !== ' ') throw changeListErrors.badRecord({ record });
  return { kind, path: record.slice(2) };
}
