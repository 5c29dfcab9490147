/**
 * Refuses what is exported and used in no other file: dead code, or a name that is nobody's business. Types are left
 * out when their own file needs them, for then they belong to something that is exported.
 */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { sourceFiles } from './source-files.ts';

const ROOT = join(import.meta.dirname, '..');
/** Where a use counts. */
const READ = ['src', 'test', 'tools'];
/** What programs outside import. */
const PUBLIC = new Set(['src/main/index.ts']);
const EXPORT = /^export (?:async )?(?:abstract )?(function\*?|class|const|interface|type) (\w+)/gm;
/** The errors of a file are its documented face, matched by their codes. */
const CATALOGUE = /Errors$/;
const WORD = /[A-Za-z_$][\w$]*/g;

export interface Export {
  readonly name: string;
  readonly isType: boolean;
}

/** Names that a file declares and exports; re-exports are not among them. */
export function exportsOf(source: string): readonly Export[] {
  return [...source.matchAll(EXPORT)].map(([, kind = '', name = '']) => ({
    name,
    isType: kind === 'interface' || kind === 'type',
  }));
}

/** @param sources content by path; every path of `src` is looked at, uses count wherever they are */
export function unusedExports(sources: ReadonlyMap<string, string>): readonly string[] {
  const users = new Map<string, Set<string>>();
  const wordsOf = new Map<string, ReadonlyMap<string, number>>();
  for (const [path, source] of sources) {
    const words = countWords(source);
    wordsOf.set(path, words);
    for (const word of words.keys()) users.set(word, (users.get(word) ?? new Set()).add(path));
  }
  const complaints: string[] = [];
  for (const [path, source] of sources) {
    if (!path.startsWith('src/') || PUBLIC.has(path)) continue;
    for (const { name, isType } of exportsOf(source)) {
      const isUsedElsewhere = [...(users.get(name) ?? [])].some((user) => user !== path);
      const isUsedHere = (wordsOf.get(path)?.get(name) ?? 0) > 1;
      if (isUsedElsewhere || (isUsedHere && (isType || CATALOGUE.test(name)))) continue;
      complaints.push(`${path}: ${name} is exported and used ${isUsedHere ? 'in this file only' : 'nowhere'}`);
    }
  }
  return complaints;
}

/** Of the code; a name in a comment is no use. */
function countWords(source: string): ReadonlyMap<string, number> {
  const code = source.replace(/\/\*[\s\S]*?\*\/|(?<![:'"`])\/\/.*$/gm, '');
  const counts = new Map<string, number>();
  for (const [word] of code.matchAll(WORD)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function main(): void {
  const sources = new Map<string, string>();
  for (const directory of READ) {
    for (const file of sourceFiles(join(ROOT, directory), ['.ts'])) {
      sources.set(relative(ROOT, file), readFileSync(file, 'utf8'));
    }
  }
  const complaints = unusedExports(sources);
  for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
  if (complaints.length > 0) process.exitCode = 1;
}

if (import.meta.main) main();
