import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** Nothing else compiles them, and a step that is new to the helper is missing in the bare program. */
test('the programs of the benchmark are built from the objects of the helper', () => {
  execFileSync('sh', [join(ROOT, 'tools/bench-programs.sh')], { stdio: 'pipe' });
  const usage = execFileSync('sh', ['-c', `"${ROOT}/.build/bench-bare" 2>&1 || true`], { encoding: 'utf8' });
  expect(usage).not.toBe('');
});
