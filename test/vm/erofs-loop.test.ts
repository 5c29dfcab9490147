/** The backend erofs on a kernel before 6.12, which mounts an erofs image from no file but from a loop device alone. */
import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Installation, until } from '../e2e/support/installation.ts';
import { layeredImage, TREE_SCRIPT } from '../support/layered-image.ts';
import { missingPrograms } from '../support/registry.ts';
import { loadModule, loopDevicesOf } from './support/loop-devices.ts';

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
      image = layeredImage(isopod.directory, { name: 'layered', layers: 3 });
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
        expect(await isopod.expect(['explain', image, 'true'])).toMatch(/overlay of 3 layers/);
      } finally {
        renameSync(`${CONTROL}-away`, CONTROL);
      }
    });

    test('each layer has a read-only device that goes with its last user, and with the container they are free', async () => {
      const uid = await sleeping();
      const found = devices();
      expect(new Set(found.map(({ backingFile }) => backingFile)).size).toBe(3);
      expect(found.map(({ isReadOnly, isAutoclear }) => [isReadOnly, isAutoclear])).toEqual(
        Array(3).fill([true, true]),
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

    test('an agent that is killed leaves them to the container, and with that they are free', async () => {
      await sleeping('--name', 'one');
      await sleeping('--name', 'two');
      process.kill(await isopod.agentPid(), 'SIGKILL');
      expect(devices().length).toBeGreaterThanOrEqual(3);
      expect(await isopod.expect(['exec', 'one', 'cat', '/data/changed'])).toBe('second');
      await isopod.expect(['rm', '-f', 'one']);
      expect(await isopod.expect(['exec', 'two', 'cat', '/data/changed'])).toBe('second');
      const { pid } = JSON.parse(await isopod.expect(['inspect', 'two']))[0];
      process.kill(await isopod.agentPid(), 'SIGKILL');
      process.kill(pid, 'SIGKILL');
      await areFree();
    });
  },
);
