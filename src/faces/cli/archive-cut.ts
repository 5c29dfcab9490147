import { isEngineError, systemErrorCode } from '../../model/error.ts';
import { cliErrors } from './errors.ts';

/**
 * A stream that is cut is told as that, and not as a fault of the file that it is written to.
 *
 * @param what came, in words: `saving hello`
 * @throws {EngineError} `cli.archiveCut` (unavailable)
 */
export async function* toItsEnd(stream: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    throw cliErrors.archiveCut({ what, ...cutReason(error) }, error);
  }
}

/** Why a stream broke off: what the agent says of it, else what became of the connection. Pure. */
export function cutReason(error: unknown): { readonly reason: string; readonly remedy: string | undefined } {
  if (isEngineError(error)) return { reason: error.message, remedy: error.remedy };
  return { reason: `the connection ended: ${systemErrorCode(error) ?? String(error)}`, remedy: undefined };
}
