import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WATCH_KIND } from '../../src/model/wire.ts';
import { cgroup2Mount, type TestConnection, TestHelper, until } from './support/helper-client.ts';

const MEMORY_V1 = readFileSync('/proc/self/mounts', 'utf8')
  .split('\n')
  .map((line) => line.split(' '))
  .find(([, , type, options]) => type === 'cgroup' && options?.split(',').includes('memory'))?.[1];
const HAS_PRESSURE = existsSync('/proc/pressure/cpu');

let helper: TestHelper;
let worker: TestConnection;
const groups: string[] = [];
const processes: ChildProcess[] = [];

beforeEach(async () => {
  helper = new TestHelper();
  await helper.start();
  worker = await helper.connect();
});
afterEach(async () => {
  for (const process of processes.splice(0)) process.kill('SIGKILL');
  for (const group of groups.splice(0)) await until(`${group} is gone`, () => removed(group));
  await helper.stop();
});

function groupBelow(mount: string): string {
  const group = join(mount, `${basename(helper.group)}-watch`);
  mkdirSync(group);
  groups.push(group);
  return group;
}

/** Runs a shell command in a group from its first moment on. */
function runIn(group: string, command: string): void {
  const script = `echo $$ > ${group}/cgroup.procs; ${command}`;
  processes.push(spawn('sh', ['-c', script], { stdio: 'ignore' }));
}

const watchPressure = (id: number, path: string, trigger = 'some 50000 2000000'): Promise<void> =>
  worker.send('watch', { id, kind: WATCH_KIND.pressure, path, trigger });

test.skipIf(!HAS_PRESSURE)(
  'a group whose processes wait for a processor is told of, until it is not watched',
  async () => {
    const group = groupBelow(cgroup2Mount());
    // More that run all the time than this machine has processors.
    for (let count = 0; count < 8; count += 1) runIn(group, 'while :; do :; done');
    await watchPressure(7, join(group, 'cpu.pressure'));
    expect(await worker.expect('watching')).toMatchObject({ id: 7 });
    expect(await worker.expect('noticed')).toMatchObject({ id: 7 });
    await worker.send('unwatch', { id: 7 });
    let answer = await worker.receive();
    while (answer?.name === 'noticed') answer = await worker.receive();
    expect(answer).toMatchObject({ name: 'watchOver', values: { id: 7, errno: 0 } });
  },
);

test.skipIf(!HAS_PRESSURE)('a group that is removed ends its watch, and the other watches go on', async () => {
  const group = groupBelow(cgroup2Mount());
  const other = join(cgroup2Mount(), 'cpu.pressure');
  await watchPressure(1, join(group, 'memory.pressure'));
  await worker.expect('watching');
  await watchPressure(2, other, 'full 1900000 2000000');
  await worker.expect('watching');
  rmdirSync(group);
  expect(await worker.expect('watchOver')).toMatchObject({ id: 1, errno: constants.errno.ENODEV });
  await worker.send('unwatch', { id: 2 });
  expect(await worker.expect('watchOver')).toMatchObject({ id: 2, errno: 0 });
});

test.each([
  ['a file that is not there', '/sys/fs/cgroup/nothing', 'some 1 2', constants.errno.ENOENT],
  ['a trigger that is none', join(cgroup2Mount(), 'cpu.pressure'), 'often', constants.errno.EINVAL],
])('%s is refused with its reason', async (_, path, trigger, errno) => {
  await watchPressure(3, path, trigger);
  expect(await worker.expect('watchOver')).toMatchObject({ id: 3, errno });
});

test.skipIf(MEMORY_V1 === undefined)('a v1 group that runs out of memory is told of', async () => {
  const group = groupBelow(MEMORY_V1 ?? '');
  writeFileSync(join(group, 'memory.limit_in_bytes'), String(8 << 20));
  await worker.send('watch', { id: 5, kind: WATCH_KIND.outOfMemory, path: group, trigger: '' });
  await worker.expect('watching');
  runIn(group, 'head -c 60000000 /dev/zero | tail -c 60000000 > /dev/null');
  expect(await worker.expect('noticed')).toMatchObject({ id: 5 });
});

function removed(group: string): boolean {
  try {
    rmdirSync(group);
  } catch {
    // busy still, or gone
  }
  return !existsSync(group);
}
