import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const NATIVE = fileURLToPath(new URL('../../native', import.meta.url));
const SOURCE = readFileSync(join(NATIVE, 'test/monitor_test.c'), 'utf8');
const BEHAVIOURS = Array.from(SOURCE.matchAll(/^ {2}X\((\w+)\)/gm), (match) => match[1] as string);
const FLAGS = ['-std=gnu17', '-g', '-O1', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE=', '-I.'];
const SOURCES = 'wire.c frame.c sync.c process.c timing.c tree.c monitor/*.c test/monitor_test*.c';
const SHELL_LINE = `exec gcc "$@" ${SOURCES}`;

test('the C program names its behaviours', () => {
  expect(BEHAVIOURS.length).toBeGreaterThan(15);
});

describe.each([
  { name: 'as shipped, in its system call filter', flags: [] },
  { name: 'with sanitizers', flags: ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'] },
])('a monitor around a child of the test, $name', ({ flags }) => {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-monitor-program-'));
  const program = join(directory, 'monitor_test');

  beforeAll(async () => {
    await run('sh', ['-c', SHELL_LINE, 'gcc', ...FLAGS, ...flags, '-o', program], { cwd: NATIVE });
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test.each(BEHAVIOURS)('%s', async (behaviour) => {
    const { stderr } = await run(program, [behaviour], { timeout: 90_000 });
    expect(stderr).toBe(`${behaviour}\n`);
  });
});
