import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StatsJson } from '../../src/faces/cli/container-json.ts';
import { volumeImage } from '../support/volume-image.ts';
import { Installation, until } from './support/installation.ts';
import { mountWithQuotas } from './support/quota-mount.ts';

const fill = (path: string): string => `dd if=/dev/zero of=${path} bs=1M count=16`;
const limited = (isopod: Installation, image: string, script: string) =>
  isopod.run(['run', '--rm', '--disk', '8m', image, 'sh', '-c', script]);

const HAS_QUOTAS = 'the directory for temporary files has project quotas';

describe('on a file system without project quotas', () => {
  let isopod: Installation;
  let image: string;
  let hasQuotas: boolean;
  beforeAll(async () => {
    isopod = new Installation();
    image = volumeImage(isopod.directory, { volumes: [] });
    await isopod.expect(['pull', '-q', image]);
    hasQuotas = /by project quota/.test(await isopod.expect(['explain', '--disk', '8m', image, 'true']));
  });
  afterAll(() => isopod.close());

  test('a container cannot write more into its layer than it may', async ({ skip }) => {
    if (hasQuotas) return skip(HAS_QUOTAS);
    const { stderr, code } = await limited(isopod, image, fill('/tmp/file'));
    expect(stderr).toContain('No space left on device');
    expect(code).not.toBe(0);
    expect((await limited(isopod, image, 'cat /data/file; echo x > /data/file')).stdout).toBe('hello\n');
  });

  test('nothing of it is mounted on the host, and nothing is left of it', async ({ skip }) => {
    if (hasQuotas) return skip(HAS_QUOTAS);
    const uid = await isopod.expect(['run', '-d', '--disk', '8m', image, 'sleep', '100']);
    const file = join(isopod.root, 'containers', uid, 'disk');
    expect(existsSync(file)).toBe(true);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain('/dev/loop');
    const devices = (): string => String(execFileSync('losetup', ['-a', '-O', 'BACK-FILE']));
    expect(devices()).toContain(file);
    await isopod.expect(['rm', '-f', uid]);
    expect(existsSync(file)).toBe(false);
    expect(devices()).not.toContain(file);
  });

  test('stats tells the bound', async () => {
    const uid = await isopod.expect(['run', '-d', '--disk', '8m', image, 'sleep', '100']);
    const { containers } = JSON.parse(await isopod.expect(['stats', '--json', uid])) as StatsJson;
    expect(containers[0]?.disk).toMatchObject({ limitBytes: 8 << 20 });
    const shown = await isopod.expect(['stats', '--no-stream', uid]);
    expect(shown).toMatch(/NET I\/O +BLOCK I\/O +PIDS +DISK USAGE \/ LIMIT/);
    // Nothing was sent and nothing was received, for there is a loopback alone.
    expect(shown).toMatch(/ 0 B \/ 0 B .* \d+ +\S.* \/ 8 MiB/);
    await isopod.expect(['rm', '-f', uid]);
  });

  test('explain tells what keeps the bound, and --storage-opt says the same', async ({ skip }) => {
    if (hasQuotas) return skip(HAS_QUOTAS);
    const plan = await isopod.expect(['explain', '--storage-opt', 'size=8m', image, 'true']);
    expect(plan).toMatch(
      /disk quota +disk\/quota +8388608 bytes, the layer by a file system in \S+\/disk, with it by counting: \S+\/sandbox /,
    );
  });

  test('a way that was asked for by name and is not there is refused', async () => {
    for (const [words, reason] of [
      [['--disk', '8m', '--disk-enforcement', 'image', '--no-image'], 'no layer to put on it'],
      [['--disk', '8m', '--disk-enforcement', 'project', image], 'not mounted with prjquota'],
      [['--disk-enforcement', 'accounting', image], 'no limit was given'],
    ] as const) {
      const { stderr, code } = await isopod.run(['run', '--rm', ...words, 'true']);
      expect({ code, told: stderr.includes(reason) }, stderr).toEqual({ code: 125, told: true });
    }
  });

  test('in a user namespace the layer has a file system of its own, too', async () => {
    const script = `id -u; echo x > /mine; ls -ln /mine; ls -ln /data/file; ${fill('/tmp/file')}`;
    const words = ['run', '--rm', '--userns', 'auto', '--disk', '8m', image, 'sh', '-c', script];
    const { stdout, stderr } = await isopod.run(words);
    expect(stdout).toMatch(/^0\n-rw-r--r-- +1 0 +0 .* \/mine\n-rw-r----- +1 1000 +1001 .* \/data\/file$/m);
    expect(stderr).toContain('No space left on device');
  });
});

describe('counted', () => {
  const isopod = new Installation();
  let image: string;
  let agent: ChildProcess;
  const serve = async (): Promise<void> => {
    agent = isopod.start(['agent', '--disk-watch-interval', '100ms']);
    await until('the agent listens', () => existsSync(join(isopod.state, 'agent.sock')));
  };
  const inspect = async (name: string) => JSON.parse(await isopod.expect(['inspect', name]))[0];
  const diskOf = async (name: string) => JSON.parse(await isopod.expect(['stats', '--json', name])).containers[0].disk;
  const counted = (name: string, words: readonly string[], script: string) =>
    isopod.expect(['run', '-d', '--name', name, ...words, image, 'sh', '-c', script]);

  beforeAll(async () => {
    await serve();
    image = volumeImage(isopod.directory, { volumes: ['/data'] });
    await isopod.expect(['pull', '-q', image]);
  });
  afterAll(() => isopod.close());

  test.each([
    ['layer', fill('/tmp/file')],
    ['own volume', fill('/data/file')],
    ['log', 'head -c 16777216 /dev/zero'],
    [
      'layer, log and own volume together',
      'for f in /tmp/f /data/f; do head -c 3500000 /dev/zero > $f; done; head -c 3500000 /dev/zero',
    ],
  ])('a container whose %s takes more than its limit is ended, and limit and use are told', async (_, script) => {
    await counted('hog', ['--disk', '8m', '--disk-enforcement', 'accounting'], `${script} 2>/dev/null; sleep 1000`);
    expect(await isopod.expect(['wait', 'hog'])).toBe('137');
    const { termination, disk } = await inspect('hog');
    expect(disk).toEqual({ limitBytes: 8 << 20, enforcedBy: 'accounting' });
    expect(termination).toMatchObject({
      reason: 'limitation',
      message: expect.stringMatching(/^the disk limit of 8 MiB was passed: [\d.]+ MiB were in use by \d+ files/),
      limitations: [{ isolator: 'disk/quota', resource: 'disk', times: 1 }],
    });
    expect(termination.limitations[0].statistics.diskUsedBytes).toBeGreaterThan(8 << 20);
    await isopod.expect(['rm', '-v', 'hog']);
  });

  test('one that keeps below its limit is not ended, and what it uses is told', async () => {
    await counted(
      'small',
      ['--disk', '8m', '--disk-enforcement', 'accounting'],
      `head -c 4194304 /dev/zero > /tmp/f; sleep 1000`,
    );
    await until('it is counted', async () => (await diskOf('small'))?.usedBytes > 4 << 20);
    expect(await diskOf('small')).toEqual({
      ...{ limitBytes: 8 << 20, enforcedBy: 'accounting', usedBytes: expect.any(Number) },
    });
    expect((await inspect('small')).state).toBe('running');
    await isopod.expect(['rm', '-f', '-v', 'small']);
  });

  test('one that is only observed is not ended, whatever it uses', async () => {
    await counted('seen', ['--disk', '8m', '--disk-enforcement', 'observe'], `${fill('/tmp/f')}; sleep 1000`);
    await until('it is counted', async () => (await diskOf('seen'))?.usedBytes > 16 << 20);
    expect(await diskOf('seen')).toMatchObject({ limitBytes: 8 << 20, enforcedBy: 'nothing' });
    expect((await inspect('seen')).state).toBe('running');
    await isopod.expect(['rm', '-f', '-v', 'seen']);
  });

  test('with a layer in a file the log counts with it, and a full layer alone ends nothing', async () => {
    await counted(
      'full',
      ['--disk', '8m'],
      `${fill('/tmp/f')} 2>/dev/null; until [ -e /data/go ]; do sleep 0.1; done; head -c 4194304 /dev/zero; sleep 1000`,
    );
    await until('it is counted', async () => (await diskOf('full'))?.usedBytes > 6 << 20);
    expect(await diskOf('full')).toMatchObject({ limitBytes: 8 << 20, enforcedBy: 'image' });
    expect((await inspect('full')).state).toBe('running');
    await isopod.expect(['exec', 'full', 'sh', '-c', 'echo > /data/go']);
    expect(await isopod.expect(['wait', 'full'])).toBe('137');
    expect((await inspect('full')).termination.message).toMatch(/^the disk limit of 8 MiB was passed/);
    await isopod.expect(['rm', '-v', 'full']);
  });

  test('with a layer in a file the volume that the image declares counts with it, and filling that ends the container', async () => {
    await counted('filled', ['--disk', '8m'], `${fill('/data/f')}; sleep 1000`);
    expect(await isopod.expect(['wait', 'filled'])).toBe('137');
    const { termination, disk } = await inspect('filled');
    expect(disk).toEqual({ limitBytes: 8 << 20, enforcedBy: 'image' });
    expect(termination).toMatchObject({
      message: expect.stringMatching(/^the disk limit of 8 MiB was passed/),
      limitations: [{ isolator: 'disk/quota', resource: 'disk', times: 1 }],
    });
    expect(termination.limitations[0].statistics.diskUsedBytes).toBeGreaterThan(8 << 20);
    await isopod.expect(['rm', '-v', 'filled']);
  });

  test('an agent that follows a killed one goes on counting', async () => {
    const script = `until [ -e /data/go ]; do sleep 0.1; done; ${fill('/tmp/f')}; sleep 1000`;
    await counted('kept', ['--disk', '8m', '--disk-enforcement', 'accounting'], script);
    const ended = new Promise((resolve) => agent.once('exit', resolve));
    agent.kill('SIGKILL');
    await ended;
    rmSync(join(isopod.state, 'agent.sock'));
    await serve();
    await until('it is counted', async () => (await diskOf('kept'))?.usedBytes > 0);
    await isopod.expect(['exec', 'kept', 'sh', '-c', 'echo > /data/go']);
    expect(await isopod.expect(['wait', 'kept'])).toBe('137');
    expect((await inspect('kept')).termination.message).toMatch(/^the disk limit of 8 MiB was passed/);
    await isopod.expect(['rm', '-v', 'kept']);
  });
});

test('one bound of a project holds for layer and own volumes together, where the kernel has project quotas', async ({
  skip,
}) => {
  const place = mkdtempSync('/tmp/isopod-quota-');
  const isopod = new Installation();
  const unmount = mountWithQuotas(place, isopod.root);
  try {
    if (unmount === undefined) skip('this kernel has no project quotas on ext4');
    const image = volumeImage(isopod.directory, { volumes: ['/data'] });
    await isopod.expect(['pull', '-q', image]);
    const script = `dd if=/dev/zero of=/data/file bs=1M count=5 2>/dev/null; ${fill('/tmp/file')} 2>/dev/null; cat /data/file /tmp/file | wc -c`;
    const { stdout } = await limited(isopod, image, script);
    expect(Number(stdout)).toBeGreaterThan(6 << 20);
    expect(Number(stdout)).toBeLessThanOrEqual(8 << 20);
    expect((await isopod.run(['run', '--rm', image, 'sh', '-c', fill('/tmp/file')])).code).toBe(0);
  } finally {
    await isopod.close(unmount ?? (() => {}));
    rmSync(place, { recursive: true, force: true });
  }
});
