import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { volumeImage } from '../support/volume-image.ts';
import { Installation, until } from './support/installation.ts';
import { mountWithQuotas } from './support/quota-mount.ts';

describe('the disk limit of a container that runs', () => {
  const isopod = new Installation();
  let image: string;
  let agent: ChildProcess;
  const serve = async (): Promise<void> => {
    agent = isopod.start(['agent', '--disk-watch-interval', '100ms']);
    await until('the agent listens', () => existsSync(join(isopod.state, 'agent.sock')));
  };
  const inspect = async (name: string) => JSON.parse(await isopod.expect(['inspect', name]))[0];
  const usedBy = async (name: string): Promise<number> =>
    JSON.parse(await isopod.expect(['stats', '--json', name])).containers[0].disk?.usedBytes ?? 0;
  const start = (name: string, ...words: readonly string[]) =>
    isopod.expect(['run', '-d', '--name', name, ...words, image, 'sleep', '1000']);
  const write = (name: string, mib: number) =>
    isopod.expect(['exec', name, 'sh', '-c', `head -c $((${mib} << 20)) /dev/zero > /tmp/file`]);

  beforeAll(async () => {
    await serve();
    image = volumeImage(isopod.directory, { volumes: ['/data'] });
    await isopod.expect(['pull', '-q', image]);
  });
  afterAll(() => isopod.close());

  test('that is counted goes up and down, also for the agent that follows', async () => {
    await start('one', '--disk', '8m', '--disk-enforcement', 'accounting');
    await isopod.expect(['update', '--disk', '32m', 'one']);
    await write('one', 12);
    await until('it is counted', async () => (await usedBy('one')) > 12 << 20);
    const ended = new Promise((resolve) => agent.once('exit', resolve));
    agent.kill('SIGKILL');
    await ended;
    rmSync(join(isopod.state, 'agent.sock'));
    await serve();
    await until('it is counted again', async () => (await usedBy('one')) > 12 << 20);
    expect(await inspect('one')).toMatchObject({ state: 'running', disk: { limitBytes: 32 << 20 } });
    const refused = await isopod.run(['update', '--disk', '8m', '-m', '96m', 'one']);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/was to be 8 MiB, and 1\d.* in use/)]);
    expect((await inspect('one')).config.resources).toEqual({});
    await isopod.expect(['update', '--disk', '20m', 'one']);
    // It may be ended before the command that passes the limit is over.
    await isopod.run(['exec', 'one', 'sh', '-c', `head -c $((24 << 20)) /dev/zero > /tmp/file`]);
    expect(await isopod.expect(['wait', 'one'])).toBe('137');
    expect((await inspect('one')).termination.message).toMatch(/^the disk limit of 20 MiB was passed/);
  });

  test('that a file system of that size keeps stays, and says so', async () => {
    await start('two', '--disk', '8m');
    const { disk } = await inspect('two');
    const { code, stderr } = await isopod.run(['update', '--disk', '32m', 'two']);
    if (disk.enforcedBy === 'project') return;
    expect([code, stderr]).toEqual([1, expect.stringContaining('on a file system of 8 MiB that was made for it')]);
    expect((await inspect('two')).disk).toEqual(disk);
    await isopod.expect(['rm', '-f', 'two']);
  });

  test('that it was not given, or that is too small, is refused', async () => {
    await start('three');
    const given = await isopod.run(['update', '--disk', '32m', 'three']);
    expect([given.code, given.stderr]).toEqual([1, expect.stringContaining('it was launched without one')]);
    const small = await isopod.run(['update', '--disk', '1m', 'three']);
    expect([small.code, small.stderr]).toEqual([1, expect.stringContaining('disk limit in bytes')]);
    await isopod.expect(['rm', '-f', 'three']);
  });
});

test('a limit that a project keeps goes up and down, where the kernel has project quotas', async ({ skip }) => {
  const place = mkdtempSync('/tmp/isopod-quota-');
  const isopod = new Installation();
  const unmount = mountWithQuotas(place, isopod.root);
  try {
    if (unmount === undefined) skip('this kernel has no project quotas on ext4');
    const image = volumeImage(isopod.directory, { volumes: ['/data'] });
    await isopod.expect(['run', '-d', '--name', 'one', '--disk', '8m', image, 'sleep', '1000']);
    const write = (mib: number) =>
      isopod.run(['exec', 'one', 'sh', '-c', `head -c $((${mib} << 20)) /dev/zero > /tmp/file`]);
    expect((await write(12)).code).not.toBe(0);
    await isopod.expect(['update', '--disk', '20m', 'one']);
    expect((await write(12)).code).toBe(0);
    const refused = await isopod.run(['update', '--disk', '8m', 'one']);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('in use')]);
    expect((await write(24)).code).not.toBe(0);
  } finally {
    await isopod.close(unmount ?? (() => {}));
    rmSync(place, { recursive: true, force: true });
  }
});
