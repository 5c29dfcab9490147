import { expect } from 'vitest';
import { isErrorOfKind } from '../../src/model/error.ts';

/** Whether an operation fails, as one does that finds the disk full; any other failure is one of the test. */
export async function failsForRoom(operation: Promise<unknown>): Promise<boolean> {
  const error = await operation.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) return false;
  expect(isErrorOfKind(error, 'resource-exhausted') ? 'resource-exhausted' : error).toBe('resource-exhausted');
  return true;
}
