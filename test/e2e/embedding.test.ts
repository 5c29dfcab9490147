import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEngine } from '../../src/main/index.ts';
import { Installation } from './support/installation.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const PAGE = readFileSync(join(REPOSITORY, 'docs', 'embedding.md'), 'utf8');

let isopod: Installation;
beforeAll(() => {
  isopod = new Installation();
});
afterAll(() => isopod.close());

test('the program of the embedding page is short, runs a container and prints its exit status', async () => {
  const program = /```ts\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? '';
  expect(program.trim().split('\n').length).toBeLessThan(20);
  // Where its own directories are is all that a test changes; the package is found by its name from inside the repository.
  const file = join(REPOSITORY, '.build', `embedding-${process.pid}.ts`);
  writeFileSync(file, program.replace('/var/lib/my-engine', isopod.root).replace('/run/my-engine', isopod.state));
  const { stdout } = await promisify(execFile)('sh', [join(REPOSITORY, 'tools', 'with-node.sh'), file]);
  expect(stdout).toMatch(/^container [0-9a-f]{12} ended with 0\n$/);
  expect(await isopod.expect(['ps', '-aq'])).toBe('');
});

test('an engine in a program keeps an agent out, and says who it is', async () => {
  await isopod.endAgent();
  const engine = await createEngine({ root: isopod.root, state: isopod.state });
  try {
    const { code, stderr } = await isopod.run(['agent']);
    expect(code).toBe(125);
    expect(stderr).toContain(`in use by process ${process.pid}`);
  } finally {
    await engine.close();
  }
});
