import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Installation } from './support/installation.ts';

const PYTHON = '/usr/bin/python3';
/** Makes the calls of its arguments, `number argument…` each, and prints what each answered. */
const CALLS = `
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
for text in sys.argv[1:]:
    ctypes.set_errno(0)
    result = libc.syscall(*[ctypes.c_long(int(number, 0)) for number in text.split()])
    print('ok' if result >= 0 else errno.errorcode[ctypes.get_errno()], flush=True)
`;
/** getpid by the 32-bit entry of the kernel: mov eax, 20; int 0x80; ret. */
const INT80 = `
import ctypes, mmap
memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(bytes.fromhex('b814000000cd80c3'))
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
print('pid' if call() > 0 else 'refused')
`;
/** A kernel may be built or started without it; then the call faults. */
const RUNS_32_BIT = spawnSync(PYTHON, ['-c', INT80]).status === 0;
const SIGSYS_EXIT = 128 + 31;
/** Numbers of x86_64. */
const CALL = {
  socket: 41,
  clock_settime: 227,
  keyctl: 250,
  unshare: 272,
  io_uring_setup: 425,
  clone3: 435,
  getsid: 124,
};

describe.skipIf(!existsSync(PYTHON) || process.arch !== 'x64')('a filter of system calls', () => {
  let isopod: Installation;
  beforeAll(() => {
    isopod = new Installation();
  });
  afterAll(() => isopod.close());

  /** What the calls answered in a container with these options. */
  async function answers(options: readonly string[], calls: readonly string[]): Promise<readonly string[]> {
    const stdout = await isopod.expect(['run', '--rm', '--no-image', ...options, PYTHON, '-c', CALLS, ...calls]);
    return stdout.trimEnd().split('\n');
  }

  function profile(name: string, content: object): string {
    const path = join(isopod.directory, `${name}.json`);
    writeFileSync(path, JSON.stringify(content));
    return `seccomp=${path}`;
  }

  test('is there without being asked for, and refuses what attacks come through', async () => {
    const calls = {
      [`${CALL.io_uring_setup} 1 0`]: 'ENOSYS',
      [`${CALL.clone3} 0 0`]: 'ENOSYS',
      [`${CALL.keyctl} 0 0 0`]: 'EPERM',
      [`${CALL.unshare} 0x10000000`]: 'EPERM',
      [`${CALL.unshare} 0x400`]: 'ok',
      [`${CALL.socket} 2 1 0`]: 'ok',
      [`${CALL.socket} 38 5 0`]: 'EAFNOSUPPORT',
      [`${CALL.socket} 0x100000026 5 0`]: 'EAFNOSUPPORT',
      [`${CALL.socket} 40 1 0`]: 'EAFNOSUPPORT',
      '999': 'ENOSYS',
    };
    expect(await answers([], Object.keys(calls))).toEqual(Object.values(calls));
  });

  test('is the same for exec sessions as for init', async () => {
    const uid = await isopod.expect(['run', '-d', '--rm', '--no-image', 'sleep', '600']);
    const fields = 'grep -E "^(Seccomp|NoNewPrivs|Cap)" /proc/self/status; grep -E "^Seccomp" /proc/1/status';
    const stdout = await isopod.expect(['exec', uid.trim(), 'sh', '-c', fields]);
    expect(stdout.match(/Seccomp:\t2\nSeccomp_filters:\t1/g)).toHaveLength(2);
    const actual = await isopod.expect(['explain', '--actual', uid.trim()]);
    expect(actual).toMatch(/^ok +system calls +linux\/seccomp +filtered +filtered$/m);
    await isopod.expect(['rm', '-f', uid.trim()]);
  });

  test('is not there when the container is to be unconfined', async () => {
    const options = ['--security-opt', 'seccomp=unconfined'];
    expect(await answers(options, [`${CALL.unshare} 0x10000000`])).toEqual(['ok']);
  });

  test('does to each call what a profile says', async () => {
    const rule = (name: string, action: string, more: object = {}) => ({ names: [name], action, ...more });
    const option = profile('actions', {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [
        rule('getsid', 'SCMP_ACT_ERRNO', { errnoRet: 71, args: [{ index: 0, value: 7, op: 'SCMP_CMP_EQ' }] }),
        rule('getsid', 'SCMP_ACT_ERRNO', { errno: 'EXDEV', args: [{ index: 0, value: 2 ** 33, op: 'SCMP_CMP_GE' }] }),
        rule('clock_settime', 'SCMP_ACT_LOG'),
        rule('keyctl', 'SCMP_ACT_TRACE'),
      ],
    });
    const calls = [`${CALL.getsid} 0`, `${CALL.getsid} 7`, `${CALL.getsid} 0x200000000`, `${CALL.getsid} 0x1ffffffff`];
    expect(
      await answers(['--security-opt', option], [...calls, `${CALL.clock_settime} 0 0`, `${CALL.keyctl}`]),
    ).toEqual(['ok', 'EPROTO', 'EXDEV', 'ESRCH', 'EFAULT', 'ENOSYS']);
  });

  test.each(['SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL', 'SCMP_ACT_TRAP'])('%s ends the process', async (action) => {
    const option = profile(action, { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['getsid'], action }] });
    const command = [PYTHON, '-c', CALLS, `${CALL.getsid} 0`];
    const { code } = await isopod.run(['run', '--rm', '--no-image', '--security-opt', option, ...command]);
    expect(code).toBe(SIGSYS_EXIT);
  });

  test.skipIf(!RUNS_32_BIT)('tells 32-bit calls from 64-bit ones', async () => {
    const run = (...options: string[]) => isopod.run(['run', '--rm', '--no-image', ...options, PYTHON, '-c', INT80]);
    expect((await run()).stdout).toBe('pid\n');
    const option = profile('narrow', { defaultAction: 'SCMP_ACT_ALLOW' });
    expect((await run('--security-opt', option)).code).toBe(SIGSYS_EXIT);
  });

  test('is installed before rights go where no_new_privs is off', async () => {
    const options = ['--isolation', 'linux/capabilities,linux/seccomp', '-u', '65534'];
    const script = ['sh', '-c', 'grep -E "^(Seccomp|NoNewPrivs|CapEff)" /proc/self/status'];
    const stdout = await isopod.expect(['run', '--rm', '--no-image', ...options, ...script]);
    expect(stdout).toBe('CapEff:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\nSeccomp_filters:\t1');
  });

  test('runs what is wanted under a reaper of ours', async () => {
    const stdout = await isopod.expect(['run', '--rm', '--no-image', '--init', 'sh', '-c', 'sleep 0; echo fine']);
    expect(stdout).toBe('fine');
  });

  test('that would not let anything start is refused with the call', async () => {
    const option = profile('nothing', { defaultAction: 'SCMP_ACT_ERRNO' });
    const { code, stderr } = await isopod.run(['run', '--rm', '--no-image', '--security-opt', option, 'true']);
    expect(code).toBe(125);
    expect(stderr).toContain('nothing.json answers execve with EPERM');
  });

  test('from a profile that is not there or not right is an error that says so', async () => {
    const run = (option: string) => isopod.run(['run', '--rm', '--no-image', '--security-opt', option, 'true']);
    expect((await run('seccomp=/nowhere.json')).stderr).toContain('/nowhere.json: ENOENT');
    const option = profile('wrong', { defaultAction: 'SCMP_ACT_ALOW' });
    expect((await run(option)).stderr).toContain(
      'field defaultAction is "SCMP_ACT_ALOW", and not one of SCMP_ACT_KILL',
    );
    expect((await run('seccom=unconfined')).stderr).toContain('--security-opt');
  });

  test('is explained by what it does', async () => {
    const stdout = await isopod.expect(['explain', '--no-image', 'true']);
    expect(stdout).toMatch(/system calls +linux\/seccomp +profile builtin, \d+ instructions for x86_64, x86/);
    expect(stdout).toMatch(/then +linux\/seccomp +allow if argument 0 & 0x7e020000 is 0x0, else EPERM\n.* clone\n/);
  });
});
