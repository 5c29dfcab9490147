import { existsSync, readlinkSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';

describe.skipIf(!existsSync('/bin/busybox'))('namespaces of others (busybox)', () => {
  let host: IsopodHost;
  let image: string;
  beforeAll(async () => {
    host = await IsopodHost.make();
    image = host.busyboxImage();
    await host.expect(['pull', image]);
  });
  afterAll(() => host.close());
  afterEach(() => host.removeAll());

  const sleeper = (name: string, ...options: readonly string[]) =>
    host.expect(['run', '-d', '--name', name, ...options, image, 'sleep', '1000']);
  const run = (options: readonly string[], script: string) =>
    host.run(['run', '--rm', ...options, image, 'sh', '-c', script]);
  const namespace = async (name: string, kind: string): Promise<string> =>
    readlinkSync(`/proc/${(await host.inspect(name)).pid}/ns/${kind}`);

  test.each([
    ['ipc', '--ipc'],
    ['pid', '--pid'],
    ['net', '--network'],
  ])('the %s namespace of another container is shared, by exec sessions, too', async (kind, option) => {
    await sleeper('owner', '--ipc', 'shareable');
    await sleeper('joiner', option, 'container:owner');
    const shared = await namespace('owner', kind);
    expect(await namespace('joiner', kind)).toBe(shared);
    expect(await host.expect(['exec', 'joiner', 'readlink', `/proc/self/ns/${kind}`])).toBe(shared);
    expect(shared).not.toBe(readlinkSync(`/proc/self/ns/${kind}`));
    for (const other of ['mnt', 'uts', 'cgroup'])
      expect(await namespace('joiner', other)).not.toBe(await namespace('owner', other));
    const { stdout } = await host.run(['explain', '--actual', 'joiner']);
    expect(stdout.match(/^DIFFERS.*$/gm)).toBeNull();
  });

  test('shared memory is seen by those who share it, in a user namespace, too, and outlives its owner', async () => {
    await sleeper('owner', '--ipc', 'shareable', '--shm-size', '2m');
    await host.expect(['exec', 'owner', 'sh', '-c', 'echo shared >/dev/shm/text; chmod 666 /dev/shm/text']);
    await sleeper('joiner', '--ipc', 'container:owner', '--userns', 'auto');
    expect(await host.expect(['exec', 'joiner', 'cat', '/dev/shm/text'])).toBe('shared');
    const { stdout } = await run([], 'ls /dev/shm');
    expect(stdout).toBe('');
    await host.expect(['rm', '-f', 'owner']);
    expect(await host.expect(['exec', 'joiner', 'cat', '/dev/shm/text'])).toBe('shared');
    await sleeper('third', '--ipc', 'container:joiner');
    expect(await host.expect(['exec', 'third', 'cat', '/dev/shm/text'])).toBe('shared');
  });

  test('/dev/shm has the size that was asked for', async () => {
    const fill = 'head -c 3000000 /dev/zero >/dev/shm/x 2>/dev/null; wc -c </dev/shm/x';
    expect((await run(['--shm-size', '1m'], fill)).stdout).toBe('1048576\n');
    expect((await run([], fill)).stdout).toBe('3000000\n');
  });

  test('who joins the processes of another one ends with it, and not before', async () => {
    await sleeper('owner');
    await sleeper('joiner', '--pid', 'container:owner');
    expect(await host.expect(['exec', 'joiner', 'sh', '-c', 'tr "\\0" " " </proc/1/cmdline'])).toBe('sleep 1000');
    expect((await run(['--pid', 'container:owner'], 'exit 4')).code).toBe(4);
    expect((await host.inspect('owner')).state).toBe('running');
    await host.expect(['rm', '-f', 'owner']);
    expect(await host.expect(['wait', 'joiner'])).toBe('137');
  });

  test('nobody joins processes among which one may trace everything, itself or as another that has joined', async () => {
    await sleeper('owner');
    await sleeper('debugger', '--pid', 'container:owner', '--cap-add', 'SYS_PTRACE');
    for (const name of ['owner', 'debugger']) {
      const { code, stderr } = await run(['--pid', `container:${name}`], 'true');
      expect(stderr).toMatch(
        /debugger, which lives in it, has SYS_PTRACE and no user namespace.*\n.*without SYS_PTRACE/,
      );
      expect(code).toBe(125);
    }
    await host.expect(['rm', '-f', 'debugger']);
    expect((await run(['--pid', 'container:owner'], 'true')).code).toBe(0);
    await sleeper('all', '--cap-add', 'ALL');
    expect((await run(['--pid', 'container:all'], 'true')).code).toBe(0);
  });

  test('namespaces of a paused container are not shared, and it is told how they are', async () => {
    await host.expect(['run', '-d', '--name', 'paused', '--ipc', 'shareable', image, 'sleep', '1000']);
    await host.expect(['pause', 'paused']);
    for (const option of ['--pid', '--ipc', '--network']) {
      const { code, stderr } = await run([option, 'container:paused'], 'true');
      expect(stderr).toMatch(/of container paused cannot be shared while it is paused\n.*isopod unpause paused/);
      expect(code).toBe(125);
    }
    await host.expect(['unpause', 'paused']);
    expect((await run(['--network', 'container:paused'], 'true')).code).toBe(0);
  });

  test.each([['--pid'], ['--ipc'], ['--network']])(
    '%s of a container that has ended, or of none, is refused',
    async (option) => {
      await host.expect(['run', '-d', '--name', 'ended', image, 'true']);
      await until('it has ended', async () => (await host.inspect('ended')).state === 'terminated');
      const { code, stderr } = await run([option, 'container:ended'], 'true');
      expect(stderr).toContain('of container ended cannot be shared: it is terminated');
      if (option === '--pid') expect(stderr).toContain('a pid namespace cannot outlive its init');
      expect(code).toBe(125);
      expect((await run([option, 'container:nobody'], 'true')).stderr).toContain('no container "nobody"');
    },
  );

  test('an ipc namespace that is private, or that has no shared memory any more, is not shared', async () => {
    await sleeper('private');
    expect((await run(['--ipc', 'container:private'], 'true')).stderr).toContain('which nobody may join');
    await sleeper('none', '--ipc', 'none');
    expect((await run(['--ipc', 'container:none'], 'true')).stderr).toContain('which nobody may join');
  });

  test.each([
    ['pid', ['--pid', 'host']],
    ['uts', ['--uts', 'host']],
    ['cgroup', ['--cgroupns', 'host']],
    ['ipc', ['--ipc', 'host']],
  ])("the host's %s namespace is shared when asked for", async (kind, options) => {
    await sleeper('shares', ...options);
    expect(await namespace('shares', kind)).toBe(readlinkSync(`/proc/self/ns/${kind}`));
  });

  test('clocks are set on and back, in exec sessions, too', async () => {
    await sleeper('early', '--time-offset', 'monotonic=1h,boottime=2h');
    const offsets = await host.expect(['exec', 'early', 'cat', '/proc/self/timens_offsets']);
    expect(offsets.match(/\d+/g)).toEqual(['3600', '0', '7200', '0']);
    expect(await host.expect(['exec', 'early', 'readlink', '/proc/self/ns/time'])).toBe(
      await namespace('early', 'time'),
    );
    expect((await run(['--time-offset', 'boottime=-8999999s'], 'true')).stderr).toContain(
      'the kernel refused the time offsets',
    );
  });

  test('what an agent forbids is refused by whatever way it is asked for', async () => {
    const agent = await IsopodHost.make();
    const served = agent.start([
      'agent',
      '--disallow-host-namespaces',
      'pid,net',
      '--userns',
      'auto',
      '--userns-range',
      '500000:1000000',
    ]);
    try {
      await until('it serves', () => existsSync(`${agent.state}/agent.sock`));
      const its = agent.busyboxImage();
      for (const words of [
        ['--pid', 'host', its, 'true'],
        ['--network', 'host', its, 'true'],
        ['--isolation', 'namespaces/uts', '--no-image', '/bin/true'],
      ]) {
        const { stderr } = await agent.run(['run', '--rm', ...words]);
        expect(stderr).toMatch(/would share the (pid|net) namespace of the host/);
      }
      expect((await agent.expect(['run', '--rm', its, 'cat', '/proc/self/uid_map'])).match(/\d+/g)).toEqual([
        '0',
        '500000',
        '65536',
      ]);
    } finally {
      await agent.close();
      served.kill();
    }
  });
});
