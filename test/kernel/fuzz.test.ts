import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { fuzzCorpus } from '../support/fuzz-corpus.ts';

const ROOT = join(import.meta.dirname, '../..');
const CORPUS = join(ROOT, 'native/fuzz/corpus');
const SECONDS = 8;
/** Compiling takes most of it. */
const DEADLINE_MS = 500_000;

describe('fuzzing', () => {
  test('starts from an input of every form, which is in the tree', () => {
    for (const { target, name, bytes } of fuzzCorpus()) {
      const path = join(CORPUS, target, name);
      if (process.env.UPDATE_GOLDEN === '1') {
        mkdirSync(join(CORPUS, target), { recursive: true });
        writeFileSync(path, bytes);
      }
      expect(existsSync(path) && readFileSync(path).equals(bytes), `${path}: UPDATE_GOLDEN=1 writes it`).toBe(true);
    }
  });

  test.each(['wire', 'monitor', 'unpack'])(
    '%s: the sanitizers find nothing in the corpus, nor in what becomes of it',
    async (target) => {
      const words = [join(ROOT, 'tools/fuzz.sh'), '--seconds', String(SECONDS), target];
      const { stdout } = await promisify(execFile)('sh', words, { timeout: DEADLINE_MS });
      expect(stdout).toMatch(
        new RegExp(`^${target}: ${readdirSync(join(CORPUS, target)).length} files, [1-9]\\d* inputs`),
      );
    },
    DEADLINE_MS,
  );
});
