import type { ImageRecordOperations } from '../../../engine/written/image-record-facade.ts';
import type { WrittenOperations } from '../../../engine/written/written-facade.ts';
import { scopeText } from '../../../model/access.ts';
import type { Caller } from './decide.ts';
import { accessErrors } from './errors.ts';

/** What those containers have written that a caller sees. */
export function confinedWritten(
  written: WrittenOperations,
  caller: Caller,
  uidOf: (id: string) => Promise<string>,
): WrittenOperations {
  return {
    changes: async (id, signal) => written.changes(await uidOf(id), signal),
    whole: async (id, signal) => written.whole(await uidOf(id), signal),
    commit: async (id, request, signal) => {
      const uid = await uidOf(id);
      if (request.reference !== undefined) checkNaming(caller, request.reference);
      return written.commit(uid, request, signal);
    },
  };
}

/** The images are everybody's to read. */
export function confinedImageRecords(records: ImageRecordOperations, caller: Caller): ImageRecordOperations {
  return {
    details: (text) => records.details(text),
    tag: async (text, reference) => {
      checkNaming(caller, reference);
      return records.tag(text, reference);
    },
  };
}

/** A name may be somebody else's, who would then run another image by it. */
function checkNaming({ name: who, grant: { scope } }: Caller, reference: string): void {
  if (scope === undefined) return;
  throw accessErrors.wholeAgent({ who, route: `the name ${reference} of an image`, scope: scopeText(scope) });
}
