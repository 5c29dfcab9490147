import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const native = join(import.meta.dirname, '../../native');
const directory = mkdtempSync(join(tmpdir(), 'isopod-steps-build-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** The C sources of a folder below native/ that match. */
function sources(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(native, folder))
    .filter((name) => pattern.test(name))
    .map((name) => join(native, folder, name));
}

/** Compiles the steps with their tests; a warning is an error. */
function compile(name: string, flags: readonly string[]): string {
  const program = join(directory, name);
  const core = ['wire.c', 'steps.c', 'process.c', 'file_access.c', 'unpack/remove_tree.c', 'unpack/path.c'];
  const files = [
    ...sources('test', /^steps_.*\.c$/),
    ...sources('steps', /\.c$/),
    ...core.map((file) => join(native, file)),
  ];
  const warnings = ['-Wall', '-Wextra', '-Werror'];
  execFileSync('gcc', ['-std=gnu11', '-D_GNU_SOURCE', '-g', ...warnings, ...flags, '-o', program, ...files]);
  return program;
}

const builds = [
  { name: 'optimised', flags: ['-O2'] },
  { name: 'sanitized', flags: ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'] },
].map(({ name, flags }) => ({ name, program: compile(name, flags) }));

describe.each(builds)('steps of the helper, $name', ({ program }) => {
  const names = execFileSync(program, { encoding: 'utf8' }).trimEnd().split('\n');
  test.each(names)('%s', (name) => {
    const run = spawnSync(program, [name], { encoding: 'utf8', timeout: 90_000 });
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: '' });
  });
});

test('the tests of the steps leave no cgroup behind', () => {
  const groups = ['freezer', 'pids', 'unified'].map((hierarchy) => join('/sys/fs/cgroup', hierarchy));
  const left = groups
    .filter(existsSync)
    .flatMap((path) => readdirSync(path).filter((name) => /^isopod-steps-\d/.test(name)));
  expect(left).toEqual([]);
});
