import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena } from './support/arena.ts';

/**
 * Calls through which containers have come before, made so that they do nothing: what is not refused says so. EPERM of a
 * missing capability is a refusal too; those that need none are what a filter is for.
 */
const PROBE = `
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void tell(const char *name, long result) {
  if (result >= 0 || (errno != EPERM && errno != ENOSYS && errno != EAFNOSUPPORT)) puts(name);
}

int main(void) {
  tell("io_uring_setup", syscall(SYS_io_uring_setup, 0, 0));
  tell("userfaultfd", syscall(SYS_userfaultfd, 1));
  tell("keyctl", syscall(SYS_keyctl, 0, -3, 0));
  tell("add_key", syscall(SYS_add_key, 0, 0, 0, 0, 0));
  tell("bpf", syscall(SYS_bpf, 5, 0, 0));
  tell("perf_event_open", syscall(SYS_perf_event_open, 0, 0, -1, -1, 0));
  tell("kexec_load", syscall(SYS_kexec_load, 0, 0, 0, 0));
  tell("socket AF_ALG", socket(38, SOCK_SEQPACKET, 0));
  tell("socket AF_VSOCK", socket(40, SOCK_STREAM, 0));
  tell("unshare user", unshare(CLONE_NEWUSER));
  tell("done", 0);
  return 0;
}
`;

/** CVE-2022-0847, CVE-2026-31431 and every use of io_uring and its kind: the kernel itself, by a call that few programs need. */
describe.skipIf(!PlannedHost.isPossible)('C20, faults of the kernel within reach of any container', () => {
  let arena: Arena;
  beforeAll(async () => {
    arena = await Arena.open();
  });
  afterAll(() => arena.close());

  async function reached(security?: { readonly seccomp: { readonly kind: 'unconfined' } }): Promise<readonly string[]> {
    const rootfs = arena.rootfs((directory) => {
      execFileSync('gcc', ['-static', '-O1', '-x', 'c', '-', '-o', join(directory, 'bin/probe')], { input: PROBE });
    });
    const outcome = await arena.attempt('probe', { rootfs, ...(security && { security }) });
    if ('refused' in outcome) throw new Error(outcome.message);
    return outcome.printed.trimEnd().split('\n');
  }

  test('calls that attacks come through are there without a filter, and with ours none of them', async () => {
    const open = await reached({ seccomp: { kind: 'unconfined' } });
    // What a kernel is built with differs; keys and user namespaces are what each of them offers to anybody.
    for (const name of ['io_uring_setup', 'keyctl', 'unshare user']) expect(open).toContain(name);
    expect(await reached()).toEqual(['done']);
  });

  test('the same holds for a session', async () => {
    const rootfs = arena.rootfs((directory) => {
      execFileSync('gcc', ['-static', '-O1', '-x', 'c', '-', '-o', join(directory, 'bin/probe')], { input: PROBE });
    });
    const container = await arena.start(['/bin/sleep', '1000'], { rootfs });
    expect(await arena.attemptSession(container, ['/bin/probe'])).toEqual({ printed: 'done\n', waitStatus: 0 });
    process.kill(container.pid, 'SIGKILL');
  });
});
