import { isEngineError } from '../../model/error.ts';
import { EXIT_ENGINE, exitCodeOf } from './errors.ts';
import { visible } from './format.ts';

/** Tells an error as the user reads it: what went wrong, then what to do. @returns the exit code */
export function reportError(stderr: { write(text: string): unknown }, error: unknown): number {
  const message = error instanceof Error ? error.message : String(error);
  stderr.write(`isopod: ${visible(message)}\n`);
  if (!isEngineError(error)) return EXIT_ENGINE;
  if (error.remedy !== undefined) stderr.write(`  ${visible(error.remedy)}\n`);
  return exitCodeOf(error.code);
}
