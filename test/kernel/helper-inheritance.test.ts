import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HELPER_BINARY, TestHelper } from './support/helper-client.ts';
import { output, RAW_LOG } from './support/launches.ts';

const KEYCTL = process.arch === 'arm64' ? 219 : 250;
/** Serial number of the session keyring: keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0). */
const SESSION_KEYRING = `import ctypes; print(ctypes.CDLL(None).syscall(${KEYCTL}, 0, -3, 0))`;

let helper: TestHelper;

beforeEach(() => {
  helper = new TestHelper();
});

afterEach(() => helper.stop());

test('a process of a container has a session keyring of its own', async () => {
  await helper.start();
  const ours = execFileSync('python3', ['-c', SESSION_KEYRING], { encoding: 'utf8' });
  const { text } = await output(helper, helper.launchValues(['python3', '-c', SESSION_KEYRING], RAW_LOG));
  expect(Number(text)).toBeGreaterThan(0);
  expect(text).not.toBe(ours);
});

test('the soft limit of open files is the usual one, whatever the agent has raised its own to', async () => {
  await helper.start(['prlimit', '--nofile=4096:5000', HELPER_BINARY]);
  const { text } = await output(helper, helper.launchValues(['sh', '-c', 'ulimit -Sn; ulimit -Hn'], RAW_LOG));
  expect(text).toBe('1024\n5000\n');
});

test('a lower limit of open files is left as it is', async () => {
  await helper.start(['prlimit', '--nofile=512:5000', HELPER_BINARY]);
  const { text } = await output(helper, helper.launchValues(['sh', '-c', 'ulimit -Sn'], RAW_LOG));
  expect(text).toBe('512\n');
});

test('an agent does not inherit the resource limits of its caller', () => {
  const look = 'ulimit -c -f -s -u -v -t';
  const enter = `ulimit -S -c 100 -f 2000 -s 1024 -u 5000 -v 4000000 -t 600; exec ${HELPER_BINARY} enter -- bash -c '${look}'`;
  const values = execFileSync('bash', ['-c', enter], { encoding: 'utf8' }).match(/\S+$/gm);
  // The bound of processes rises to the hard one, or beyond it where that may be raised.
  const hard = execFileSync('bash', ['-c', 'ulimit -H -u'], { encoding: 'utf8' }).trim();
  expect([hard, 'unlimited']).toContain(values?.[3]);
  expect(values?.toSpliced(3, 1)).toEqual(['0', 'unlimited', '8192', 'unlimited', 'unlimited']);
});

test('an agent does not inherit how nice, how bound and how expendable its caller is', () => {
  const look = 'nice; nproc; cat /proc/self/oom_score_adj';
  const enter = `exec nice -n 5 taskset -c 0 ${HELPER_BINARY} enter -- sh -c '${look}'`;
  const processors = execFileSync('nproc', { encoding: 'utf8' });
  const text = execFileSync('sh', ['-c', `echo 300 >/proc/self/oom_score_adj; ${enter}`], { encoding: 'utf8' });
  expect(text).toBe(`0\n${processors}0\n`);
});
