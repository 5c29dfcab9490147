import { join } from 'node:path';
import { mainErrors } from './errors.ts';

/** sun_path of unix(7), its NUL left out. */
const MAX_SOCKET_BYTES = 107;

/**
 * Checks that every socket below the state directory has a path that the kernel takes; a container's is `s/` and a uid
 * of 12, the longest.
 *
 * @throws {EngineError} `main.socketPathTooLong` (invalid-argument)
 */
export function checkSocketPaths(state: string): void {
  const socket = join(state, 's', '0'.repeat(12));
  const bytes = Buffer.byteLength(socket);
  if (bytes <= MAX_SOCKET_BYTES) return;
  throw mainErrors.socketPathTooLong({
    state,
    most: MAX_SOCKET_BYTES - (bytes - Buffer.byteLength(state)),
    bytes: Buffer.byteLength(state),
    socketBytes: MAX_SOCKET_BYTES,
  });
}
