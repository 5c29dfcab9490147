import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StatsJson } from '../../src/faces/cli/container-json.ts';
import { volumeImage } from '../support/volume-image.ts';
import { Installation } from './support/installation.ts';

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
    expect(plan).toMatch(/disk quota +disk\/quota +8388608 bytes, by a file system in \S+\/disk/);
  });

  test('a bound that nothing could keep is refused', async ({ skip }) => {
    if (hasQuotas) return skip(HAS_QUOTAS);
    const { stderr, code } = await isopod.run(['run', '--rm', '--disk', '8m', '--no-image', 'true']);
    expect({ code, told: stderr.includes('nothing of it to bound') }).toEqual({ code: 125, told: true });
  });
});

/** 64 MiB of ext4 with project quotas, on a loop device that goes with its mount. @returns what unmounts it, if it is there */
function mountWithQuotas(place: string, at: string): (() => void) | undefined {
  const file = join(place, 'image');
  execFileSync('truncate', ['-s', '64M', file]);
  execFileSync('mkfs.ext4', ['-q', '-O', 'quota,project', '-E', 'quotatype=prjquota', file]);
  mkdirSync(at, { recursive: true });
  try {
    execFileSync('mount', ['-o', 'loop,prjquota', file, at], { stdio: 'pipe' });
  } catch {
    return undefined; // a kernel without CONFIG_QFMT_V2
  }
  return () => execFileSync('umount', [at]);
}

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
