import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeFileContents } from '../../src/linux/kernel-files.ts';
import { MAX_READ_BYTES } from '../../src/model/wire.ts';
import { cgroup2Mount, type TestConnection, TestHelper, until } from './support/helper-client.ts';

let helper: TestHelper;
let worker: TestConnection;
let idle: ChildProcess;

beforeEach(async () => {
  helper = new TestHelper();
  await helper.start();
  worker = await helper.connect();
  idle = spawn('sleep', ['1000'], { stdio: 'ignore' });
  await new Promise((resolve) => idle.once('spawn', resolve));
  idle.kill('SIGSTOP');
  await until('it stands still', () => readFileSync(`/proc/${idle.pid}/stat`, 'utf8').includes(') T '));
});
afterEach(async () => {
  idle.kill('SIGKILL');
  await helper.stop();
});

async function read(paths: readonly string[], maxBytes = MAX_READ_BYTES) {
  await worker.send('readFiles', { paths, maxBytes });
  return decodeFileContents((await worker.expect('fileContents')).contents);
}

/** The first line of each; what stands below it changes with the memory of the host. */
const mappingsOf = (smaps: string): readonly string[] =>
  smaps.split('\n').filter((line) => /^[0-9a-f]+-[0-9a-f]+ /.test(line));

test('files of groups and of processes are read below their directories, again and again', async () => {
  const name = `${basename(helper.group)}-read`;
  const group = join(cgroup2Mount(), name);
  mkdirSync(group);
  try {
    expect(await read([cgroup2Mount(), `${name}/cgroup.type`, `${name}/none`])).toEqual(['', 'domain\n', '']);
  } finally {
    rmdirSync(group);
  }
  expect(await read([cgroup2Mount(), `${name}/cgroup.type`])).toEqual(['', '']);
  // Longer than what one read(2) of a table in procfs gives.
  const [, table] = await read(['/proc', `${idle.pid}/smaps`]);
  expect(String(table).length).toBeGreaterThan(4096);
  expect(mappingsOf(String(table))).toEqual(mappingsOf(readFileSync(`/proc/${idle.pid}/smaps`, 'utf8')));
});

test('nothing else is read: other file systems, and whatever lies behind a link', async () => {
  expect(await read(['/etc', 'passwd'])).toEqual([{ errno: 'EXDEV' }, { errno: 'EXDEV' }]);
  const links = ['self/stat', `${idle.pid}/root/etc/passwd`, `${idle.pid}/cwd`];
  expect(await read(['/proc', ...links])).toEqual(['', ...links.map(() => ({ errno: 'ELOOP' }))]);
  expect(await read(['stat'])).toEqual([{ errno: 'EINVAL' }]);
  expect(await read(['/proc', '../etc/passwd'])).toEqual(['', '']);
});

test('a file over the bound is refused, and the others are told', async () => {
  const [, long, short] = await read(['/proc', `${idle.pid}/smaps`, `${idle.pid}/comm`], 6);
  expect([long, short]).toEqual([{ errno: 'EFBIG' }, 'sleep\n']);
  for (const maxBytes of [0, MAX_READ_BYTES + 1]) {
    await worker.send('readFiles', { paths: ['/proc'], maxBytes });
    expect(await worker.expectFailure()).toMatchObject({ detail: 'maxBytes' });
  }
});

test('what does not fit into a frame is left out at the end', async () => {
  const name = `${idle.pid}/smaps`;
  const texts = await read(['/proc', ...Array.from({ length: 1000 }, () => name)]);
  expect(texts.length).toBeGreaterThan(10);
  expect(texts.length).toBeLessThan(1000);
  expect(texts.slice(1).every((text) => String(text).length > 4096)).toBe(true);
});
