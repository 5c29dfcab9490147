import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, openSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HELPER_BINARY, pidsOf, TestHelper } from './support/helper-client.ts';
import { output, RAW_LOG } from './support/launches.ts';

/** Numbers of calls that are the same on every architecture. */
const SYS_CLONE3 = 435;
const SYS_CLOSE_RANGE = 436;
const SYS_MOUNT_SETATTR = 442;
const SYS_MEMFD_CREATE = process.arch === 'arm64' ? 279 : 319;
const CLONE_NEWPID = 0x20000000;

const directory = mkdtempSync(join(tmpdir(), 'isopod-deny-'));
const deny = join(directory, 'deny');
let helper: TestHelper;

beforeAll(() => {
  const source = join(import.meta.dirname, '../../native/test/deny.c');
  execFileSync('gcc', ['-Wall', '-Wextra', '-Werror', '-o', deny, source]);
});

beforeEach(() => {
  helper = new TestHelper();
});

afterEach(() => helper.stop());
afterAll(() => rmSync(directory, { recursive: true }));

describe.each(['ENOSYS', 'EPERM'] as const)('where newer calls answer %s', (name) => {
  const denied = (...calls: number[]) => [
    deny,
    String(constants.errno[name]),
    ...calls.map(String),
    '--',
    HELPER_BINARY,
  ];

  test('a container is cloned by the older call and joins its tracking group itself', async () => {
    await helper.start(denied(SYS_CLONE3));
    const values = helper.launchValues(['sh', '-c', 'echo $$; exit 6'], { cloneFlags: CLONE_NEWPID, ...RAW_LOG });
    const { pid, connection } = await helper.launch(values);
    expect(pidsOf(values.trackingCgroup)).toEqual([pid]);
    await connection.send('start', {});
    await connection.expect('timings');
    await connection.expect('started');
    expect(Number((await connection.expect('exited')).waitStatus)).toBe(6 << 8);
    expect(readFileSync(join(values.logDirectory, 'stdout'), 'utf8')).toBe('1\n');
  });

  test('descriptors are closed one by one', async () => {
    await helper.start(denied(SYS_CLOSE_RANGE));
    const command = ['sh', '-c', 'echo $(ls /proc/self/fd)'];
    expect((await output(helper, helper.launchValues(command, RAW_LOG))).text).toBe('0 1 2 3\n');
  });

  test('the program runs from a read-only mount where it cannot run from memory', async () => {
    await helper.start(denied(SYS_MEMFD_CREATE));
    const { connection } = await helper.launch(helper.launchValues(['true']));
    const program = `/proc/${connection.workerPid}/exe`;
    expect(() => chmodSync(program, 0o4755)).toThrow('EROFS');
    expect(() => openSync(program, 'r+')).toThrow(/EROFS|ETXTBSY/);
  });

  test('a helper that cannot be kept from being changed does not serve', () => {
    const [program = '', ...words] = denied(SYS_MEMFD_CREATE, SYS_MOUNT_SETATTR);
    const all = [...words, 'fork-server', helper.socketPath, helper.logPath];
    expect(() => execFileSync(program, all, { stdio: 'pipe', encoding: 'utf8' })).toThrow(
      'cannot protect its own program',
    );
  });
});

test('the program of every helper process is a sealed copy in memory', async () => {
  await helper.start();
  const { connection } = await helper.launch(helper.launchValues(['true']));
  const program = `/proc/${connection.workerPid}/exe`;
  expect(readlinkSync(program)).toBe('/memfd:isopod-helper (deleted)');
  expect(() => openSync(program, 'r+')).toThrow(/EPERM|ETXTBSY/);
});
