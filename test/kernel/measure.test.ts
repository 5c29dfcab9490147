import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { connectWorker } from '../../src/linux/helper-worker.ts';
import { HELPER_BINARY, isAlive, type TestConnection, TestHelper, until } from './support/helper-client.ts';

const helper = new TestHelper();
let worker: TestConnection;
const place = mkdtempSync('/tmp/isopod-measure-');

beforeAll(async () => {
  await helper.start();
  worker = await helper.connect();
});
afterAll(async () => {
  await helper.stop();
  execFileSync('rm', ['-r', place]); // Node cannot name what is so deep
});

let trees = 0;
function emptyTree(): string {
  trees += 1;
  const tree = join(place, `tree-${trees}`);
  mkdirSync(tree);
  return tree;
}

async function measure(...paths: readonly string[]) {
  await worker.send('measure', { paths, pid: 0, startTime: 0 });
  return worker.expect('measured');
}

/** What du(1) says, in bytes of blocks; what is not written yet may still change its mind. */
function du(path: string): number {
  execFileSync('sync', ['-f', path]);
  const text = execFileSync('du', ['-s', '-x', '--block-size=1', path], { encoding: 'utf8' });
  return Number(text.split('\t')[0]);
}

type Item =
  | { readonly kind: 'file' | 'sparse'; readonly at: number; readonly bytes: number }
  | { readonly kind: 'directory' | 'symlink'; readonly at: number }
  | { readonly kind: 'link'; readonly at: number; readonly of: number };

const where = fc.nat({ max: 100 });
const items: fc.Arbitrary<readonly Item[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('file', 'sparse'), at: where, bytes: fc.nat({ max: 40_000 }) }),
    fc.record({ kind: fc.constantFrom('directory', 'symlink'), at: where }),
    fc.record({ kind: fc.constant('link'), at: where, of: where }),
  ),
  { maxLength: 60 },
);

/** Makes each item in one of the directories made before it. */
function grow(tree: string, list: readonly Item[]): void {
  const directories = [tree];
  const files: string[] = [];
  const pick = (from: readonly string[], number: number): string => from[number % from.length] ?? tree;
  for (const [index, item] of list.entries()) {
    const path = join(pick(directories, item.at), `${item.kind}-${index}`);
    if (item.kind === 'directory') {
      mkdirSync(path);
      directories.push(path);
    } else if (item.kind === 'symlink') symlinkSync('/usr', path);
    else if (item.kind === 'link') {
      if (files.length > 0) linkSync(pick(files, item.of), path);
    } else {
      writeFileSync(path, item.kind === 'file' ? Buffer.alloc(item.bytes, 1) : '');
      if (item.kind === 'sparse') truncateSync(path, item.bytes * 1000);
      files.push(path);
    }
  }
}

test('a tree takes what du says, whatever is in it', async () => {
  await fc.assert(
    fc.asyncProperty(items, async (list) => {
      const tree = emptyTree();
      grow(tree, list);
      const told = du(tree);
      const { bytes, unread } = await measure(tree);
      expect({ bytes: Number(bytes), unread: Number(unread) }).toEqual({ bytes: told, unread: 0 });
      rmSync(tree, { recursive: true });
    }),
    { numRuns: 30 },
  );
});

test('several paths are counted together, a file among them, and a missing one is nothing', async () => {
  const [tree, other] = [emptyTree(), emptyTree()];
  const file = join(other, 'file');
  writeFileSync(file, Buffer.alloc(50_000, 1));
  grow(tree, [{ kind: 'file', at: 0, bytes: 10_000 }]);
  const { bytes, entries } = await measure(tree, file, join(place, 'missing'), join(file, 'below'));
  expect({ bytes: Number(bytes), entries: Number(entries) }).toEqual({ bytes: du(tree) + du(file), entries: 3 });
});

test('a file counts once for all of its names, and with its part where some are elsewhere', async () => {
  const [tree, other] = [emptyTree(), emptyTree()];
  const file = join(tree, 'file');
  writeFileSync(file, Buffer.alloc(3 << 20, 1));
  const alone = du(file);
  for (const path of [join(tree, 'second'), join(other, 'third')]) linkSync(file, path);
  const empty = Number((await measure(emptyTree())).bytes);
  expect(Number((await measure(tree)).bytes)).toBe(empty + Math.round((alone * 2) / 3));
  expect(Number((await measure(tree, other)).bytes)).toBe(2 * empty + alone);
});

test('another file system in the tree is not entered, and a link as the path itself is not followed', async () => {
  const tree = emptyTree();
  const mount = join(tree, 'mount');
  mkdirSync(mount);
  const before = Number((await measure(tree)).bytes) - Number((await measure(mount)).bytes);
  execFileSync('mount', ['-t', 'tmpfs', 'isopod-test', mount]);
  try {
    writeFileSync(join(mount, 'file'), Buffer.alloc(1 << 20, 1));
    expect(Number((await measure(tree)).bytes)).toBe(before);
    symlinkSync(mount, join(tree, 'link'));
    expect(Number((await measure(join(tree, 'link'))).entries)).toBe(1);
  } finally {
    execFileSync('umount', [mount]);
  }
});

/** Directories in one another, more than any path can say, with a file in each and more beside. */
const DIG = `
import os, sys
os.chdir(sys.argv[1])
for i in range(int(sys.argv[2])):
    for name in ('a', 'z'):
        with open(name, 'w') as f: f.write('x' * 5000)
    os.mkdir('b'); os.mkdir('y'); os.mkdir('d'); os.chdir('d')
`;

test('a tree of 1500 levels is counted to its end, and every file on the way back', async () => {
  const tree = emptyTree();
  execFileSync('python3', ['-c', DIG, tree, '1500']);
  const { bytes, entries } = await measure(tree);
  expect({ bytes: Number(bytes), entries: Number(entries) }).toEqual({ bytes: du(tree), entries: 1 + 5 * 1500 });
});

test('a wide directory is counted with what is in each of its directories', async () => {
  const tree = emptyTree();
  for (let index = 0; index < 2000; index += 1) {
    mkdirSync(join(tree, `directory-with-a-long-name-${index}`));
    writeFileSync(join(tree, `directory-with-a-long-name-${index}/file`), 'x');
  }
  const { bytes, entries } = await measure(tree);
  expect({ bytes: Number(bytes), entries: Number(entries) }).toEqual({ bytes: du(tree), entries: 4001 });
});

/** Moves, removes and makes files and directories until its end. */
const CHURN = `
import os, random, shutil, signal, sys
os.chdir(sys.argv[1])
signal.alarm(60)
print('ready', flush=True)
while True:
    path = '/'.join(['d'] * random.randint(1, 100))
    try:
        os.makedirs(path, exist_ok=True)
        with open(path + '/f', 'w') as f: f.write('x' * 4096)
        os.rename('/'.join(['d'] * random.randint(1, 90)), 'e')
        shutil.rmtree('e')
    except OSError: pass
`;

test('what vanishes or moves meanwhile is no failure', async () => {
  const tree = emptyTree();
  const churn = spawn('python3', ['-c', CHURN, tree], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => churn.once('exit', resolve));
  try {
    await new Promise((resolve) => churn.stdout.once('data', resolve));
    for (let round = 0; round < 300; round += 1) {
      expect(Number((await measure(tree)).entries)).toBeGreaterThan(0);
    }
  } finally {
    churn.kill('SIGKILL');
    await ended;
  }
  expect(Number((await measure(tree)).bytes)).toBe(du(tree));
});

test('what is deeper than it can go is refused, and the same worker goes on', async () => {
  const tree = emptyTree();
  // As many levels by links would be no levels; only directories are.
  execFileSync('python3', [
    '-c',
    'import os,sys\nos.chdir(sys.argv[1])\nfor i in range(16400): os.mkdir("d"); os.chdir("d")',
    tree,
  ]);
  const typed = await connectWorker(nodeEffects(), helper.socketPath);
  await expect(typed.measure({ paths: [tree] })).rejects.toMatchObject({
    ...{ code: 'helper-worker.tooDeep', kind: 'resource-exhausted', details: { path: tree } },
  });
  expect(await typed.measure({ paths: [emptyTree()] })).toMatchObject({ entries: 1, unread: 0 });
  typed.close();
  execFileSync('rm', ['-r', tree]);
});

test('directories that let nobody in are told, and the rest is counted', async () => {
  const weak = new TestHelper();
  await weak.start(['setpriv', '--bounding-set=-dac_override,-dac_read_search', HELPER_BINARY]);
  try {
    const tree = emptyTree();
    mkdirSync(join(tree, 'closed'));
    writeFileSync(join(tree, 'closed/file'), 'x');
    writeFileSync(join(tree, 'file'), 'x');
    chmodSync(join(tree, 'closed'), 0);
    const one = await weak.connect();
    await one.send('measure', { paths: [tree], pid: 0, startTime: 0 });
    expect(await one.expect('measured')).toMatchObject({ entries: 3, unread: 1 });
  } finally {
    await weak.stop();
  }
});

test('who is asked by nobody any more gives up', async () => {
  const tree = emptyTree();
  execFileSync('python3', [
    '-c',
    'import os,sys\nos.chdir(sys.argv[1])\nfor i in range(20000): open(str(i), "w")',
    tree,
  ]);
  const other = await helper.connect();
  const pid = other.workerPid;
  await other.send('measure', { paths: Array.from({ length: 5000 }, () => tree), pid: 0, startTime: 0 });
  other.close();
  await until('the worker is gone', () => !isAlive(pid));
});
