import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const SKIPPED = new Set(['node_modules', '.build', '.git', 'testdata', 'gen']);

/** Files below a directory with one of these endings, generated code and test data left out. */
export function* sourceFiles(directory: string, endings: readonly string[]): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (SKIPPED.has(entry.name)) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* sourceFiles(path, endings);
    else if (endings.some((ending) => entry.name.endsWith(ending))) yield path;
  }
}
