import { posix } from 'node:path';
import { z } from 'zod';
import { flagText } from './schemas.ts';

/** PATH_MAX, with its NUL. */
const MOST_PATH = 4095;
/** NAME_MAX. */
const MOST_NAME = 255;

/** From the root, whatever it begins with; `..` takes the part before it away, whatever that is. */
const path = z
  .string()
  .min(1)
  .max(MOST_PATH)
  .refine((text) => !text.includes('\0'), 'holds a NUL')
  .transform((text) => posix.resolve('/', text));

const name = z
  .string()
  .max(MOST_NAME)
  .refine((text) => !/[/\0]/.test(text) && text !== '.' && text !== '..', 'is no name of a file');

export const lookAtQuerySchema = z.strictObject({ path, follow: flagText.optional() });
export const readFilesQuerySchema = z.strictObject({
  path,
  name: name.optional(),
  follow: flagText.optional(),
  archive: flagText.optional(),
});
export const writeFilesQuerySchema = z.strictObject({ path, archive: flagText.optional() });

const whole = z.number().int();

export const pathAnswer = z.object({
  mode: whole.describe('permission bits and type, as stat(2) has them'),
  uid: whole.describe('as the container has it'),
  gid: whole,
  sizeBytes: whole,
  mtimeNs: z.string().describe('nanoseconds since 1970, in digits'),
  linkTarget: z.string().describe('of a symlink, else empty'),
});
export const copiedAnswer = z.object({ entries: whole, bytes: whole.describe('of the content of files') });
