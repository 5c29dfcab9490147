/** The backend erofs on a kernel before 6.12, which mounts an erofs image from no file but from a loop device alone. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Installation, until } from '../e2e/support/installation.ts';
import { layeredImage, TREE_SCRIPT } from '../support/layered-image.ts';
import { missingPrograms } from '../support/registry.ts';
import { loadModule, loopDevicesOf } from './support/loop-devices.ts';

/** More than the first block, which has a checksum of its own. */
const LARGE = randomBytes(64 * 1024);
const CONTROL = '/dev/loop-control';
const lacks = missingPrograms(['mkfs.erofs']);

describe.skipIf(lacks.length > 0)(
  `erofs images by loop devices${lacks.length > 0 ? ' (lacks mkfs.erofs)' : ''}`,
  () => {
    let isopod: Installation;
    let image: string;
    beforeAll(async () => {
      loadModule('erofs');
      loadModule('loop');
      isopod = new Installation();
      image = layeredImage(isopod.directory, { name: 'layered', layers: 4, top: [{ name: 'large', data: LARGE }] });
      await isopod.expect(['pull', '-q', image]);
    });
    afterAll(() => isopod?.close());
    afterEach(async () => {
      const uids = (await isopod.expect(['ps', '-aq'])).split('\n').filter(Boolean);
      if (uids.length > 0) await isopod.expect(['rm', '-f', ...uids]);
    });
    const devices = () => loopDevicesOf(join(isopod.root, 'erofs'));
    const areFree = () => until('the loop devices are free', () => devices().length === 0);
    const sleeping = (...words: readonly string[]) =>
      isopod.expect(['run', '-d', ...words, '--backend', 'erofs', image, 'sleep', '1000']);

    test('where there is none the backend is refused with what to do, and one that asks for nothing has another', async () => {
      renameSync(CONTROL, `${CONTROL}-away`);
      try {
        const { code, stderr } = await isopod.run(['run', '--rm', '--backend', 'erofs', image, 'true']);
        expect(stderr).toContain('there is no loop device');
        expect(stderr).toContain('modprobe loop');
        expect(code).not.toBe(0);
        expect(await isopod.expect(['explain', image, 'true'])).toMatch(/overlay of 4 layers/);
      } finally {
        renameSync(`${CONTROL}-away`, CONTROL);
      }
    });

    test('each layer has a read-only device that goes with its last user, and with the container they are free', async () => {
      const uid = await sleeping();
      const found = devices();
      expect(new Set(found.map(({ backingFile }) => backingFile)).size).toBe(4);
      expect(found.map(({ isReadOnly, isAutoclear }) => [isReadOnly, isAutoclear])).toEqual(
        Array(4).fill([true, true]),
      );
      for (const { name } of found) {
        expect(() => execFileSync('dd', ['if=/dev/zero', `of=/dev/${name}`, 'count=1'], { stdio: 'pipe' })).toThrow();
      }
      expect(await isopod.expect(['exec', uid, 'cat', '/data/changed'])).toBe('second');
      await isopod.expect(['rm', '-f', uid]);
      await areFree();
    });

    test('the tree is that of an overlay, with users of its own, too', async () => {
      const shown = (...words: readonly string[]) =>
        isopod.expect(['run', '--rm', ...words, image, 'sh', '-c', TREE_SCRIPT]);
      const expected = await shown('--backend', 'overlay');
      expect(await shown('--backend', 'erofs')).toBe(expected);
      const owners = ['--userns', 'auto', image, 'ls', '-ln', '/data'];
      const mapped = await isopod.expect(['run', '--rm', '--backend', 'overlay', ...owners]);
      expect(await isopod.expect(['run', '--rm', '--backend', 'erofs', ...owners])).toBe(mapped);
      await areFree();
    });

    test('verification tells that nothing seals them here, and finds one that has changed', async () => {
      await isopod.expect(['run', '--rm', '--backend', 'erofs', image, 'true']);
      const verify = (...words: readonly string[]) => isopod.run(['image', 'verify', ...words, image]);
      expect((await verify()).stdout).toMatch(/: as it came; 0 of 4 erofs images of layers sealed$/m);
      const directory = join(isopod.root, 'erofs');
      for (const name of readdirSync(directory).filter((one) => one.endsWith('.erofs'))) {
        const bytes = readFileSync(join(directory, name));
        const at = bytes.indexOf(LARGE.subarray(-64));
        if (at >= 0) writeFileSync(join(directory, name), bytes.fill(0, at, at + 64));
      }
      const { code, stdout } = await verify();
      expect(stdout).toMatch(/^ {2}layer-image sha256:.* changed: the content of large has changed/m);
      expect(code).toBe(1);
      expect((await verify('--repair')).stdout).toMatch(/layer-image .*; repaired$/m);
      expect(await isopod.expect(['run', '--rm', '--backend', 'erofs', image, 'cat', '/data/changed'])).toBe('second');
      await areFree();
    });

    test('an agent that is killed leaves them to the container, and with that they are free', async () => {
      const uid = await sleeping();
      process.kill(await isopod.agentPid(), 'SIGKILL');
      expect(devices()).toHaveLength(4);
      expect(await isopod.expect(['exec', uid, 'cat', '/data/changed'])).toBe('second');
      const { pid } = JSON.parse(await isopod.expect(['inspect', uid]))[0];
      process.kill(await isopod.agentPid(), 'SIGKILL');
      process.kill(pid, 'SIGKILL');
      await areFree();
    });
  },
);
