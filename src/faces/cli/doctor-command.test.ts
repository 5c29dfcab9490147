import { expect, test } from 'vitest';
import type { AgentClient } from './agent-client.ts';
import type { CliContext, HostCheck } from './context.ts';
import { doctorCommand } from './doctor-command.ts';

const KERNEL: HostCheck = { what: 'kernel', ok: true, found: '6.1' };
const NO_ROOT: HostCheck = { what: 'root', ok: false, found: 'user 1000', forRoot: true };

/** Runs the command on a host that is found so, whose agent takes every container and ends it with `code`. */
async function doctor(checks: readonly HostCheck[], code = 0, damaged: readonly object[] = []) {
  const tried: unknown[] = [];
  const lines: string[] = [];
  const context = {
    stdout: { write: (text: string) => lines.push(text) },
    hostChecks: async () => checks,
  } as unknown as CliContext;
  const client = {
    async call(method: string, path: string, body: { readonly isolation?: readonly string[] }) {
      if (method === 'DELETE') return {};
      if (path === '/v1/debug/damaged-records') return damaged;
      if (path.includes('/wait')) return { termination: { exitStatus: { kind: 'exited', code } } };
      tried.push(body.isolation);
      return { status: { uid: '0123456789ab' } };
    },
  } as unknown as AgentClient;
  const exitCode = await doctorCommand(context, client, { global: {} as never, json: false });
  return { exitCode, printed: lines.join(''), tried };
}

test('root tries namespaces, groups and an image', async () => {
  const { exitCode, printed, tried } = await doctor([KERNEL]);
  expect(exitCode).toBe(0);
  expect(tried).toContainEqual(['cgroups/memory']);
  expect(printed).not.toMatch(/^(root|MISSING)/m);
});

test('another user tries what the launcher posix does, and reads what root would add', async () => {
  const { exitCode, printed, tried } = await doctor([KERNEL, NO_ROOT]);
  expect(exitCode).toBe(0);
  expect(tried).toEqual([
    ...[[], ['posix/memory'], ['posix/disk'], ['posix/rlimits'], ['linux/nnp'], ['linux/nnp', 'linux/seccomp']],
    undefined,
  ]);
  expect(printed).toMatch(/^ok {6}memory limit, by polling: works$/m);
  expect(printed).toMatch(/^root {4}pid namespace: needs an agent that root runs; not tried$/m);
});

test('records that cannot be read are told by their files', async () => {
  const { exitCode, printed } = await doctor([KERNEL], 0, [
    { file: '/r/containers/0123456789ab/config.json', reason: 'not JSON' },
  ]);
  expect(exitCode).toBe(1);
  expect(printed).toMatch(
    /^MISSING records of containers: 1 cannot be read: \/r\/containers\/0123456789ab\/config.json \(not JSON\)$/m,
  );
  expect((await doctor([KERNEL])).printed).toMatch(/^ok {6}records of containers: all can be read$/m);
});

test('what a user lacks of his own is missing, and then nothing is tried', async () => {
  const old: HostCheck = { what: 'kernel', ok: false, found: '4.1', remedy: 'a newer one' };
  const { exitCode, printed, tried } = await doctor([old, NO_ROOT]);
  expect([exitCode, tried]).toEqual([1, []]);
  expect(printed).toMatch(/^MISSING kernel: 4.1\n {8}a newer one$/m);
  expect((await doctor([KERNEL, NO_ROOT], 3)).exitCode).toBe(1);
});
