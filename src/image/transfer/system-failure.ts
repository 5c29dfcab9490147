import { defineErrors, EngineError, systemErrorCode } from '../../model/error.ts';

const systemFailures = defineErrors('image-files', {
  diskFull: {
    kind: 'resource-exhausted',
    message: (d: { what: string }) => `no space is left for ${d.what}`,
    remedy: () => 'free some, or write to another disk; what is on its way is held in the root directory of the engine',
  },
  forbidden: {
    kind: 'permission-denied',
    message: (d: { what: string; reason: string }) => `the kernel refuses ${d.what}: ${d.reason}`,
  },
  failed: {
    kind: 'internal',
    message: (d: { what: string; reason: string }) => `${d.what} failed: ${d.reason}`,
  },
});

/** What the kernel refused while files of an image were read or written, as an error that says so; any other as it is. */
export function asSystemFailure(error: unknown, what: string): unknown {
  const code = error instanceof EngineError ? undefined : systemErrorCode(error);
  if (code === undefined) return error;
  const reason = (error as Error).message;
  if (code === 'ENOSPC' || code === 'EDQUOT') return systemFailures.diskFull({ what }, error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return systemFailures.forbidden({ what, reason }, error);
  return systemFailures.failed({ what, reason }, error);
}
