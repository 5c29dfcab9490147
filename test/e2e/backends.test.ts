import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { BackendName } from '../../src/model/backend.ts';
import { layeredImage, TREE_SCRIPT } from '../support/layered-image.ts';
import { missingPrograms } from '../support/registry.ts';
import { Installation } from './support/installation.ts';

const lacksErofs = missingPrograms(['mkfs.erofs']).length > 0;
const WRITING: readonly BackendName[] = ['overlay', 'copy', ...(lacksErofs ? [] : (['erofs'] as const))];

describe(`root file systems by each backend${lacksErofs ? ' (lacks mkfs.erofs: without erofs)' : ''}`, () => {
  let isopod: Installation;
  let image: string;
  let single: string;
  const mounts = (): number => readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length;
  beforeAll(async () => {
    isopod = new Installation();
    image = layeredImage(isopod.directory, { name: 'layered', layers: 4 });
    single = layeredImage(isopod.directory, { name: 'single', layers: 1 });
    await isopod.expect(['pull', '-q', image]);
    await isopod.expect(['pull', '-q', single]);
  });
  afterAll(() => isopod?.close());
  afterEach(async () => {
    const uids = (await isopod.expect(['ps', '-aq'])).split('\n').filter(Boolean);
    if (uids.length > 0) await isopod.expect(['rm', '-f', ...uids]);
    expect(readdirSync(join(isopod.root, 'containers'))).toEqual([]);
  });
  const inspected = async (id: string): Promise<Record<string, unknown>> =>
    [JSON.parse(await isopod.expect(['inspect', id]))].flat()[0];

  test('all show the same tree', async () => {
    const expected = await isopod.expect(['run', '--rm', '--backend', 'overlay', image, 'sh', '-c', TREE_SCRIPT]);
    expect(expected).toMatch(/-rw-r----- +1 1000 +1001 +6 .* changed\n/);
    expect(expected).toMatch(/secondsecondlinked one file$/);
    expect(expected).not.toMatch(/gone|hidden/);
    for (const backend of WRITING) {
      expect(await isopod.expect(['run', '--rm', '--backend', backend, image, 'sh', '-c', TREE_SCRIPT])).toBe(expected);
      const user = ['run', '--rm', '--backend', backend, '--userns', 'auto', image, 'sh', '-c', TREE_SCRIPT];
      // An owner beyond the range of the container is nobody's there.
      const seen = (await isopod.expect(user)).replaceAll('65534', '70000');
      expect(seen).toBe(expected);
    }
  });

  test.each(WRITING)('%s: nothing is mounted on the host, and nothing of the container is left', async (backend) => {
    const before = mounts();
    const uid = await isopod.expect(['run', '-d', '--backend', backend, image, 'sleep', '1000']);
    expect(mounts()).toBe(before);
    expect(await inspected(uid)).toMatchObject({ backend: { name: backend, because: 'the container asks for it' } });
    const { code, stdout } = await isopod.run(['explain', '--actual', uid]);
    expect(stdout).not.toContain('DIFFERS');
    expect(code).toBe(0);
    await isopod.expect(['rm', '-f', uid]);
    expect(existsSync(join(isopod.root, 'containers', uid))).toBe(false);
  });

  test.each(WRITING)('%s: what it wrote is there in its next life, and for copies while it stands', async (backend) => {
    const script =
      'test -e /kept && cat /kept && exec sleep 1000; echo of the first life > /kept; busybox rm /data/changed';
    const uid = await isopod.expect(['run', '-d', '--name', 'lives', '--backend', backend, image, 'sh', '-c', script]);
    await isopod.expect(['wait', uid]);
    const out = join(isopod.directory, `kept-${backend}`);
    await isopod.expect(['cp', 'lives:/kept', out]);
    expect(readFileSync(out, 'utf8')).toBe('of the first life\n');
    expect((await isopod.run(['cp', 'lives:/data/changed', out])).stderr).toContain('there is no');
    writeFileSync(out, 'copied in\n');
    await isopod.expect(['cp', out, 'lives:/copied']);
    // Another agent, which is told something else.
    await isopod.endAgent();
    await isopod.expect(['start', 'lives']);
    expect(await isopod.expect(['exec', 'lives', 'cat', '/kept', '/copied'])).toBe('of the first life\ncopied in');
    expect(await inspected('lives')).toMatchObject({ backend: { name: backend } });
    expect(await isopod.expect(['exec', 'lives', 'sh', '-c', 'ls /data'])).toBe('one\ntwo');
    await isopod.expect(['cp', 'lives:/kept', out]);
    expect(readFileSync(out, 'utf8')).toBe('of the first life\n');
  });

  test.each(WRITING)('%s: a nested and a debug container, and a read-only root', async (backend) => {
    await isopod.expect(['run', '-d', '--name', 'outer', '--backend', backend, image, 'sleep', '1000']);
    const nested = ['run', '--rm', '--parent', 'outer', '--backend', backend, image, 'cat', '/data/changed'];
    expect(await isopod.expect(nested)).toBe('second');
    const sealed = ['run', '--rm', '--read-only', '--backend', backend, image, 'sh', '-c', 'echo x > /new'];
    expect((await isopod.run(sealed)).stderr).toContain('Read-only file system');
  });

  test.each(['project', 'image', 'accounting'] as const)('erofs and copy: a disk limit kept by %s', async (way) => {
    for (const backend of WRITING.filter((one) => one !== 'overlay')) {
      const words = ['--disk', '64m', '--disk-enforcement', way, '--backend', backend, image];
      const { code, stderr } = await isopod.run(['run', '--rm', ...words, 'true']);
      if (way === 'image' && backend === 'copy') expect(stderr).toContain('is a copy of the image');
      else if (way !== 'project') expect([code, stderr]).toEqual([0, '']);
      else if (code !== 0) expect(stderr).toContain('prjquota');
    }
  });

  test('erofs: a layer on a file system of its own is bounded by that', async ({ skip }) => {
    if (lacksErofs) return skip('there is no mkfs.erofs');
    const script = 'dd if=/dev/zero of=/file bs=1M count=16';
    const words = ['--disk', '8m', '--disk-enforcement', 'image', '--backend', 'erofs', image, 'sh', '-c', script];
    expect((await isopod.run(['run', '--rm', ...words])).stderr).toContain('No space left on device');
  });

  test('copy: what the image holds counts, for it is the container that keeps it', async () => {
    const uid = await isopod.expect([
      ...['run', '-d', '--disk', '64m', '--disk-enforcement', 'observe', '--backend', 'copy', image, 'sleep', '1000'],
    ]);
    const tree = Number(
      execFileSync('du', ['-sk', join(isopod.root, 'containers', uid, 'tree')], { encoding: 'utf8' }).split('\t')[0],
    );
    expect(tree).toBeGreaterThan(500);
    expect(await inspected(uid)).toMatchObject({ disk: { limitBytes: 64 << 20, enforcedBy: 'nothing' } });
  });

  test('bind shows one layer read-only, as it is, and refuses all else by name', async () => {
    const bind = ['--backend', 'bind'];
    const words = ['run', '--rm', '--read-only', ...bind, single, 'sh', '-c', 'echo x > /new; cat /etc/group'];
    const { stdout, stderr } = await isopod.run(words);
    expect(stdout).toContain('nogroup');
    expect(stderr).toContain('Read-only file system');
    const mapped = ['run', '--rm', '--read-only', '--userns', 'auto', ...bind, single, 'ls', '-ln', '/etc/group'];
    expect(await isopod.expect(mapped)).toMatch(/ 0 +0 /);
    for (const [refused, reason] of [
      [[single, 'true'], '--read-only'],
      [['--read-only', image, 'true'], 'the image has 4'],
      [['--no-image', 'true'], 'there are no layers to show'],
    ] as const) {
      const result = await isopod.run(['run', '--rm', ...bind, ...refused]);
      expect(result.stderr).toContain(reason);
      expect(result.code).not.toBe(0);
    }
    await isopod.expect(['run', '-d', '--name', 'bound', '--read-only', ...bind, single, 'true']);
    await isopod.expect(['wait', 'bound']);
    await isopod.expect(['cp', 'bound:/etc/group', join(isopod.directory, 'group')]);
    expect((await isopod.run(['cp', join(isopod.directory, 'group'), 'bound:/new'])).stderr).toContain('read-only');
  });

  test('explain and doctor tell the backend and why', async () => {
    expect(await isopod.expect(['explain', image, 'true'])).toMatch(
      /overlay of 4 layers.*\n *because +engine +it works best here/,
    );
    expect(await isopod.expect(['explain', '--backend', 'copy', image, 'true'])).toMatch(/copy of 4 layers/);
    const { stdout } = await isopod.run(['doctor']);
    expect(stdout).toMatch(/^ok {6}backend copy, .*: works$/m);
    expect(stdout).toMatch(/^ok {6}images become root file systems: by backend overlay: it works best here$/m);
  });

  test('images of layers are shared, go with their layers, and a changed one is refused', async ({ skip }) => {
    if (lacksErofs) return skip('there is no mkfs.erofs');
    const erofs = join(isopod.root, 'erofs');
    const other = layeredImage(isopod.directory, { name: 'other', layers: 5 });
    const run = (reference: string) =>
      isopod.run(['run', '--rm', '--backend', 'erofs', reference, 'cat', '/data/changed']);
    expect((await run(image)).stdout).toBe('second');
    const before = readdirSync(erofs);
    await isopod.expect(['pull', '-q', other]);
    const explained = await isopod.expect(['explain', '--backend', 'erofs', other, 'true']);
    expect(explained.match(/\.erofs, (?:sealed sha256:[0-9a-f]{64}|not sealed)$/gm)).toHaveLength(4);
    expect(explained.match(/\.erofs, made and sealed, where that can be, by the launch$/gm)).toHaveLength(1);
    expect(readdirSync(erofs)).toEqual(before);
    expect((await run(other)).stdout).toBe('second');
    const added = readdirSync(erofs).filter((name) => !before.includes(name));
    expect(added.map((name) => name.slice(64)).sort()).toEqual(['.erofs', '.verity']);
    const [sealed = ''] = added.filter((name) => name.endsWith('.verity'));
    writeFileSync(join(erofs, sealed), `sha256:${'0'.repeat(64)}`);
    expect((await run(other)).stderr).toContain('an image of a layer is not what was made of it');
    for (const name of added) rmSync(join(erofs, name));
    expect((await run(other)).stdout).toBe('second');
    await isopod.expect(['rmi', other]);
    expect(readdirSync(erofs).sort()).toEqual(before.sort());
  });

  test('verification holds images of layers against their layers, and a repair takes away what has changed', async ({
    skip,
  }) => {
    if (lacksErofs) return skip('there is no mkfs.erofs');
    const large = randomBytes(64 * 1024);
    const own = layeredImage(isopod.directory, { name: 'own', layers: 4, top: [{ name: 'large', data: large }] });
    const run = () => isopod.expect(['run', '--rm', '--backend', 'erofs', own, 'cat', '/data/changed']);
    const verify = (...words: readonly string[]) => isopod.run(['image', 'verify', ...words, own]);
    expect(await run()).toBe('second');
    expect((await verify()).stdout).toMatch(/: as it came; [04] of 4 erofs images of layers sealed$/m);
    // Another file of this name, as one that is sealed cannot be written.
    for (const name of readdirSync(join(isopod.root, 'erofs'))) {
      const path = join(isopod.root, 'erofs', name);
      const bytes = readFileSync(path);
      const at = bytes.indexOf(large.subarray(-64));
      if (at < 0) continue;
      rmSync(path);
      writeFileSync(path, bytes.fill(0, at, at + 64));
    }
    const { code, stdout } = await verify();
    expect(stdout).toMatch(/^ {2}layer-image sha256:.* changed: (the content of large has changed|it is not sealed)/m);
    expect(code).toBe(1);
    expect((await verify('--repair')).stdout).toMatch(/layer-image .*; repaired$/m);
    expect(await run()).toBe('second');
    expect((await verify()).code).toBe(0);
    await isopod.expect(['rmi', own]);
  });

  test('by 127 layers, too', async () => {
    const deep = layeredImage(isopod.directory, { name: 'deep', layers: 127 });
    for (const backend of WRITING) {
      const words = [
        '--backend',
        backend,
        deep,
        'sh',
        '-c',
        'cat /topmost /layer-0 /data/changed; ls / | grep -c layer-',
      ];
      expect(await isopod.expect(['run', '--rm', ...words])).toBe('1230second124');
    }
    const { stdout } = await isopod.run(['run', '--rm', '--userns', 'auto', deep, 'cat', '/topmost']);
    expect(stdout).toBe('123');
    await isopod.expect(['rmi', deep]);
  });
});
