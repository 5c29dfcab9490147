import type { Files } from '../../base/effects.ts';

/** Reads what an administrator has put on this machine: the policy and the keys that it names. */
export async function readBounded(files: Files, path: string, limitBytes: number): Promise<Uint8Array> {
  const real = await files.realPath(path);
  const { kind, sizeBytes } = await files.status(real);
  // Anything else (a pipe, a device) could make a reader wait for ever.
  if (kind !== 'file') throw new Error(`it is not a file (${kind})`);
  if (sizeBytes > limitBytes) throw new Error(`it has ${sizeBytes} bytes, more than ${limitBytes}`);
  return files.readBytes(real);
}
