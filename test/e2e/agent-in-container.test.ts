import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { readCgroupHierarchies } from '../../src/linux/cgroup-mounts.ts';
import { makeBusyboxRootfs } from '../bench/busybox-image.ts';
import { isAlive } from '../support/instance-view.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { Installation, until } from './support/installation.ts';

const MIB = 1 << 20;
/** What of the host an agent needs in its container: processes, groups, network. */
const OF_THE_HOST = ['--privileged', '--pid', 'host', '--cgroupns', 'host', '--network', 'host'];

describe.skipIf(!existsSync('/bin/busybox'))('an agent in a container (busybox)', () => {
  /** Has the container that the agent is in. */
  let host: IsopodHost;
  /** Of that agent: its directories are the host's, for its containers live on without it. */
  let inner: Installation;
  let rootfs: string;
  beforeEach(async () => {
    host = await IsopodHost.make();
    inner = new Installation();
    rootfs = makeBusyboxRootfs(join(inner.directory, 'rootfs'));
    await startInner();
  });
  afterEach(async () => {
    try {
      await inner.close();
    } finally {
      await host.close();
    }
  });

  async function startInner(): Promise<void> {
    const shown = ['-v', `${inner.directory}:${inner.directory}`];
    const words = [inner.command, '--root', inner.root, '--state', inner.state, 'agent', '--allow-namespaces'];
    await host.expect(['run', '-d', '--name', 'agent', ...OF_THE_HOST, ...shown, '--no-image', ...words]);
    // An agent that starts removes the socket of the one before it.
    await until('the agent in the container answers', async () => {
      if ((await host.inspect('agent')).state !== 'running') {
        throw new Error(`the agent has ended: ${(await host.run(['logs', 'agent'])).stderr}`);
      }
      const pid = Number(existsSync(lock()) ? readFileSync(lock(), 'utf8') : 0);
      return pid > 0 && isAlive(pid) && existsSync(join(inner.state, 'agent.sock'));
    });
  }
  const lock = (): string => join(inner.state, 'agent.lock');
  const inspect = async (name: string): Promise<{ readonly pid: number; readonly state: string }> =>
    JSON.parse(await inner.expect(['inspect', name]))[0];

  /** The memory limit of a process, as the host has it. */
  async function memoryLimit(pid: number): Promise<number> {
    const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
    const hierarchies = await readCgroupHierarchies(nodeEffects().files);
    const { mountPoint, version } = hierarchies.find(({ controllers }) => controllers.includes('memory')) ?? {};
    const line = lines.find((one) => (version === 1 ? one.split(':')[1] === 'memory' : one.startsWith('0:')));
    const group = join(mountPoint ?? '', line?.split(':').slice(2).join(':') ?? '');
    if (version === 1) return Number(readFileSync(join(group, 'memory.limit_in_bytes'), 'utf8'));
    // In v2 the processes of a container are in a group below that with its limits.
    return Number(readFileSync(join(group, '..', 'memory.max'), 'utf8'));
  }

  test('makes, enters, updates and destroys containers, in groups of the host', async () => {
    await inner.expect(['run', '-d', '--name', 'one', '--rootfs', rootfs, '-m', '64m', '/bin/sleep', '1000']);
    const { pid } = await inspect('one');
    expect(await memoryLimit(pid)).toBe(64 * MIB);
    expect(await inner.expect(['exec', 'one', '/bin/cat', '/proc/1/comm'])).toBe('sleep');
    await inner.expect(['update', '-m', '32m', 'one']);
    expect(await memoryLimit(pid)).toBe(32 * MIB);
    await inner.expect(['rm', '-f', 'one']);
    expect(isAlive(pid)).toBe(false);
    expect((await inner.expect(['ps', '-aq'])).trim()).toBe('');
    expect((await host.inspect('agent')).state).toBe('running');
  });

  test('leaves its containers to the agent of the next container when its own is removed', async () => {
    await inner.expect(['run', '-d', '--name', 'one', '--rootfs', rootfs, '-m', '64m', '/bin/sleep', '1000']);
    const { pid } = await inspect('one');
    await host.expect(['rm', '-f', 'agent']);
    expect(isAlive(pid)).toBe(true);
    await startInner();
    expect(await inspect('one')).toMatchObject({ pid, state: 'running' });
    await inner.expect(['update', '-m', '32m', 'one']);
    expect(await memoryLimit(pid)).toBe(32 * MIB);
    await inner.expect(['rm', '-f', 'one']);
    expect(isAlive(pid)).toBe(false);
  });
});
