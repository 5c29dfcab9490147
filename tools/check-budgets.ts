/** Refuses hand-written files over 300 lines and functions over 60; `--longest N` prints the longest instead. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { functionLengths } from './function-lengths.ts';
import { sourceFiles } from './source-files.ts';

const ROOT = join(import.meta.dirname, '..');
const MAX_FILE_LINES = 300;
const MAX_FUNCTION_LINES = 60;
const MEASURED = ['src', 'native', 'tools', 'test'];

interface Length {
  readonly what: string;
  readonly lines: number;
}

function main(): void {
  const files: Length[] = [];
  const functions: Length[] = [];
  for (const directory of MEASURED) {
    for (const file of sourceFiles(join(ROOT, directory), ['.ts', '.c', '.h'])) {
      const path = relative(ROOT, file);
      const source = readFileSync(file, 'utf8');
      files.push({ what: path, lines: source.split('\n').length - 1 });
      // A test file's describe blocks are lists of tests, not functions of the program.
      if (path.endsWith('.test.ts')) continue;
      for (const { name, line, lines } of functionLengths(source))
        functions.push({ what: `${path}:${line} ${name}`, lines });
    }
  }
  const longest = process.argv.indexOf('--longest');
  if (longest >= 0) printLongest(functions, Number(process.argv[longest + 1] ?? 10));
  else refuse([...over(files, MAX_FILE_LINES), ...over(functions, MAX_FUNCTION_LINES)]);
}

function over(lengths: readonly Length[], limit: number): readonly string[] {
  return lengths
    .filter(({ lines }) => lines > limit)
    .map(({ what, lines }) => `${what}: ${lines} lines, more than ${limit}`);
}

function printLongest(lengths: readonly Length[], count: number): void {
  const sorted = lengths.toSorted((a, b) => b.lines - a.lines).slice(0, count);
  for (const { what, lines } of sorted) process.stdout.write(`${lines} ${what}\n`);
}

function refuse(complaints: readonly string[]): void {
  for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
  if (complaints.length > 0) process.exitCode = 1;
}

main();
