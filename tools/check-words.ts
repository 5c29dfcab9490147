/** Refuses what has no place in the repository: machine paths, unowned loose ends, forbidden file names. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const SKIPPED = new Set(['package-lock.json', 'tools/check-words.ts', 'LICENSE']);
const LOOSE_END = /\b(?:TODO(?!\(issue)|FIXME|XXX+)\b/;
const MACHINE_PATH = /(?:^|[\s"'`(=])\/(?:work|farm|home\/[a-z]+)\//;
const VAGUE_NAME = /^(?:utils?|helpers?|misc|common)\.(?:ts|c|h)$/;
/** The helper's shared header is named after the program. */
const NAMED_AFTER_PROGRAM = new Set(['native/helper.h']);

const complaints: string[] = [];
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
});
for (const path of files.split('\n').filter((file) => file !== '' && !SKIPPED.has(file))) {
  if (VAGUE_NAME.test(basename(path)) && !NAMED_AFTER_PROGRAM.has(path)) complaints.push(`${path}: name the idea`);
  complaints.push(...complaintsIn(path));
}
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
if (complaints.length > 0) process.exitCode = 1;

function complaintsIn(path: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(join(ROOT, path), 'utf8');
  } catch {
    // Deleted in the working tree, not yet in the index.
    return [];
  }
  return text.split('\n').flatMap((line, index) => {
    const at = `${path}:${index + 1}`;
    const found: string[] = [];
    if (LOOSE_END.test(line)) found.push(`${at}: a loose end without an issue`);
    if (MACHINE_PATH.test(line)) found.push(`${at}: a path of some machine`);
    return found;
  });
}
