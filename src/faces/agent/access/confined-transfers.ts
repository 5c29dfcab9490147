import type { TransferOperations } from '../../../engine/transfer-facade.ts';
import { type Caller, obey, pullRefusal } from './decide.ts';

/**
 * The agent reads and writes files of the host, and asks its Docker engine, with rights that a caller has not: at either end
 * of a copy that is for those who are as good as root here. What comes and goes with the request itself is the caller's own.
 */
export function confinedTransfers(transfers: TransferOperations, caller: Caller): TransferOperations {
  return {
    copy: async (request, told) => {
      for (const reference of [request.source, request.target]) obey(pullRefusal(caller, reference));
      return transfers.copy(request, told);
    },
    push: async (request, told) => {
      if (request.target !== undefined) obey(pullRefusal(caller, request.target));
      return transfers.push(request, told);
    },
    save: (request, signal) => transfers.save(request, signal),
    load: (archive, options) => transfers.load(archive, options),
    import: (archive, request, signal) => transfers.import(archive, request, signal),
  };
}
