import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FAILURE_PHASE, step } from '../../src/model/wire.ts';
import { cgroup2Mount, type TestConnection, TestHelper, until } from './support/helper-client.ts';

const FREEZER = readFileSync('/proc/self/mounts', 'utf8')
  .split('\n')
  .map((line) => line.split(' '))
  .find(([, , type, options]) => type === 'cgroup' && options?.split(',').includes('freezer'))?.[1];

const HIERARCHIES = [
  { version: 2, mount: cgroup2Mount(), frozen: ['cgroup.events', 'frozen 1'] },
  ...(FREEZER === undefined ? [] : [{ version: 1, mount: FREEZER, frozen: ['freezer.state', 'FROZEN'] } as const]),
] as const;

describe.each(HIERARCHIES)('freeze-cgroup in a hierarchy of version $version', ({ version, mount, frozen }) => {
  let helper: TestHelper;
  let worker: TestConnection;
  let group: string;
  let writer: ChildProcess;
  let output: string;

  beforeEach(async () => {
    helper = new TestHelper();
    await helper.start();
    worker = await helper.connect();
    group = join(mount, `${basename(helper.group)}-freeze`);
    mkdirSync(join(group, 'below'), { recursive: true });
    output = join(helper.directory, 'output');
    writer = spawn('sh', ['-c', 'while :; do echo >> "$0"; done', output], { stdio: 'ignore' });
    writeFileSync(join(group, 'below', 'cgroup.procs'), String(writer.pid));
    await until('it writes', () => existsSync(output));
  });
  afterEach(async () => {
    await worker.send('run', { hostSteps: [step('t', 'kill-cgroup', { path: group, version, deadlineMs: 5_000 })] });
    await worker.expect('done');
    await until('the groups are empty', () => removed(join(group, 'below')) && removed(group));
    await helper.stop();
  });

  const freeze = (path: string, isFrozen: 0 | 1, deadlineMs = 5_000): Promise<void> =>
    worker.send('run', { hostSteps: [step('t', 'freeze-cgroup', { path, version, frozen: isFrozen, deadlineMs })] });
  const isFrozen = (): boolean => readFileSync(join(group, frozen[0]), 'utf8').includes(frozen[1]);

  test('stops what runs below the group, and lets it go on', async () => {
    await freeze(group, 1);
    await worker.expect('done');
    expect(isFrozen()).toBe(true);
    const { size } = statSync(output);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(statSync(output).size).toBe(size);
    await freeze(group, 1);
    await worker.expect('done');
    await freeze(group, 0);
    await worker.expect('done');
    expect(isFrozen()).toBe(false);
    await until('it writes again', () => statSync(output).size > size);
  });

  test('is over when the deadline is, where a group above stands still', async () => {
    await freeze(group, 1);
    await worker.expect('done');
    await freeze(join(group, 'below'), 0, 30);
    const failure = await worker.expectFailure();
    expect(failure).toMatchObject({ phase: FAILURE_PHASE.host, errno: constants.errno.ETIMEDOUT });
  });

  test('names a group that is not there', async () => {
    await freeze(`${group}-not`, 1);
    expect(await worker.expectFailure()).toMatchObject({ errno: constants.errno.ENOENT, detail: `${group}-not` });
  });
});

function removed(group: string): boolean {
  try {
    rmdirSync(group);
  } catch {
    // busy still, or gone
  }
  return !existsSync(group);
}
