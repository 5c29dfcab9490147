import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { makeImage } from '../kernel/support/planned-host.ts';
import { Installation, until } from './support/installation.ts';

let isopod: Installation;
beforeAll(async () => {
  isopod = new Installation();
  await isopod.expect(['version']);
});
afterAll(() => isopod.close());
afterEach(async () => {
  const uids = (await isopod.expect(['ps', '-aq'])).split('\n').filter(Boolean);
  if (uids.length > 0) await isopod.expect(['rm', '-f', ...uids]);
});

const sleeper = (name: string, ...options: readonly string[]): Promise<string> =>
  isopod.expect(['run', '-d', '--name', name, '--no-image', ...options, '/bin/sleep', '1000']);

test('limits of running containers are changed, shown, and outlast a killed agent', async () => {
  await sleeper('one', '-m', '64m', '--pids-limit', '20');
  await sleeper('two');
  expect(await isopod.expect(['update', '-m', '96m', '--cpus', '0.5', '--pids-limit', '-1', 'one', 'two'])).toBe(
    'one\ntwo',
  );
  process.kill(await isopod.agentPid(), 'SIGKILL');
  const [one] = JSON.parse(await isopod.expect(['inspect', 'one']));
  expect(one.config.resources).toEqual({ memoryLimitBytes: 96 << 20, cpuMillis: 500 });
  const actual = await isopod.expect(['explain', '--actual', 'two']);
  expect(actual).toMatch(/ok +memory\.(limit_in_bytes|max) +cgroups\/memory +100663296 +100663296/);
  expect(actual).not.toContain('DIFFERS');
});

test('devices and rules of running containers come and go, and outlast a killed agent', async () => {
  const root = join(isopod.directory, 'image');
  makeImage(root);
  const rule = ['--device-cgroup-rule', 'c 1:11 r'];
  await isopod.expect(['run', '-d', '--name', 'one', ...rule, '--rootfs', root, 'sleep', '1000']);
  const nodes = (): Promise<string> => isopod.expect(['exec', 'one', 'sh', '-c', 'echo /dev/z* /dev/deep/*']);
  const changes = ['--device-add', '/dev/zero:/dev/deep/zero:r', '--device-cgroup-rule-add', 'c 10:200 rw'];
  expect(await isopod.expect(['update', '-m', '96m', ...changes, 'one'])).toBe('one');
  process.kill(await isopod.agentPid(), 'SIGKILL');
  const [found] = JSON.parse(await isopod.expect(['inspect', 'one']));
  expect(found.config).toMatchObject({
    devices: [{ hostPath: '/dev/zero', containerPath: '/dev/deep/zero', access: 'r' }],
    ...{ deviceRules: ['c 1:11 r', 'c 10:200 rw'], resources: { memoryLimitBytes: 96 << 20 } },
  });
  expect(await nodes()).toBe('/dev/zero /dev/deep/zero');
  const back = ['--device-rm', '/dev/deep/zero', '--device-cgroup-rule-rm', 'c 1:11 r'];
  expect(await isopod.expect(['update', ...back, 'one'])).toBe('one');
  expect(await nodes()).toBe('/dev/zero /dev/deep/*');
  const { code, stderr } = await isopod.run(['update', ...back, 'one']);
  expect([code, stderr]).toEqual([1, expect.stringContaining('was given no device at /dev/deep/zero')]);
});

test('an update that cannot be is refused in words, and the other containers are updated', async () => {
  await sleeper('one', '--isolation', 'cgroups/memory');
  await sleeper('two');
  const { code, stdout, stderr } = await isopod.run(['update', '--pids-limit', '9', 'one', 'gone', 'two']);
  expect([code, stdout]).toEqual([1, 'two\n']);
  expect(stderr).toContain('a pids limit is the work of cgroups/pids, and the container was launched with a list');
  expect(stderr).toContain('no container "gone"');
  expect(await isopod.run(['update', 'two'])).toMatchObject({ code: 125, stdout: '' });
});

test('a paused container is told as paused, takes no exec, and can be removed by force', async () => {
  await sleeper('one');
  expect(await isopod.expect(['pause', 'one'])).toBe('one');
  expect(await isopod.expect(['ps', '--filter', 'state=paused'])).toContain('(paused)');
  const { code, stderr } = await isopod.run(['exec', 'one', '/bin/true']);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/is paused, but exec needs it running\n {2}isopod unpause/);
  expect(await isopod.expect(['unpause', 'one'])).toBe('one');
  expect(await isopod.expect(['exec', 'one', '/bin/echo', 'on'])).toBe('on');
  await isopod.expect(['pause', 'one']);
  await isopod.expect(['rm', '-f', 'one']);
  await until('it is gone', async () => (await isopod.expect(['ps', '-aq'])) === '');
});
