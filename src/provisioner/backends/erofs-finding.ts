import { differenceText } from '../../image/collect/tree-difference.ts';
import { ERRNO, errnoName } from '../../linux/errno.ts';
import { stepErrno } from '../../linux/helper-worker.ts';
import { EngineError } from '../../model/error.ts';
import type { LayerImageFinding } from '../../model/image-upkeep.ts';

const numbers = (...names: readonly string[]): readonly unknown[] => names.map((name) => ERRNO[name]);

/** This host mounts no erofs image, whatever is in it. */
const CANNOT_LOOK = numbers('ENXIO', 'ENODEV', 'ENOSYS', 'EPERM');
/** Of the moment, and not of the image. */
const ACCIDENTS = numbers('ENOMEM', 'EMFILE', 'ENFILE', 'EBUSY', 'ECANCELED', 'ENAMETOOLONG');

/**
 * What the failure of `compare-erofs` says of the image; `undefined` when the image, or the tree it was made of, is gone.
 *
 * @param wasSealed by fs-verity, when it was made
 * @throws what says nothing of the image
 */
export function findingOf(error: unknown, wasSealed: boolean): LayerImageFinding | undefined {
  const errno = stepErrno(error);
  if (errno === undefined || !(error instanceof EngineError) || ACCIDENTS.includes(errno)) throw error;
  if (errno === ERRNO.ENOENT) return undefined;
  if (CANNOT_LOOK.includes(errno)) return { isSealed: false, isUnchecked: true };
  const detail = String(error.details.detail);
  const fault = { isSealed: false, isUnchecked: false };
  if (errno === ERRNO.ENOMSG) return { ...fault, fault: { state: 'changed', found: differenceText(detail) } };
  // Where nothing seals it, the kernel says that of a superblock whose checksum is wrong.
  if (errno === ERRNO.EBADMSG && wasSealed) {
    return { ...fault, fault: { state: 'changed', found: 'it is not sealed as it was when it was made' } };
  }
  return { ...fault, fault: { state: 'damaged', found: `the kernel cannot read ${detail}: ${errnoName(errno)}` } };
}
