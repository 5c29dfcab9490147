/** Images of layers that fs-verity seals: what the kernel reads of them is what was made, or it is not read at all. */
import { randomBytes } from 'node:crypto';
import { copyFileSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Installation } from '../e2e/support/installation.ts';
import { layeredImage } from '../support/layered-image.ts';
import { loadModule } from './support/loop-devices.ts';
import { lacksSealing, SealingDisk } from './support/sealing-disk.ts';

const lacks = lacksSealing();
const REQUIRED = '/proc/sys/fs/verity/require_signatures';
/** Nobody runs it, so that none of its pages stay in memory. */
const LARGE = randomBytes(256 * 1024);

describe.skipIf(lacks.length > 0)(
  `sealed images of layers${lacks.length > 0 ? ` (lacks ${lacks.join(', ')})` : ''}`,
  () => {
    let isopod: Installation;
    let disk: SealingDisk;
    let image: string;
    beforeAll(async () => {
      loadModule('erofs');
      loadModule('loop');
      isopod = new Installation();
      disk = new SealingDisk(join(isopod.directory, 'disk'), isopod.root);
      image = layeredImage(isopod.directory, { name: 'layered', layers: 2, top: [{ name: 'large', data: LARGE }] });
      await isopod.expect(['pull', '-q', image]);
      expect(await run('true')).toMatchObject({ code: 0 });
    });
    afterAll(() => isopod?.close(() => disk.remove()));
    afterEach(async () => {
      const uids = (await isopod.expect(['ps', '-aq'])).split('\n').filter(Boolean);
      if (uids.length > 0) await isopod.expect(['rm', '-f', ...uids]);
      // What a test has spoilt is made again.
      await isopod.run(['image', 'verify', '--repair', image]);
      expect(await run('true')).toMatchObject({ code: 0 });
    });
    const run = (...command: readonly string[]) => isopod.run(['run', '--rm', '--backend', 'erofs', image, ...command]);
    const verify = (...words: readonly string[]) => isopod.run(['image', 'verify', ...words, image]);
    /** The image of the layer that holds `LARGE`, and where in it that begins. */
    const topImage = (): { readonly path: string; readonly offset: number } => {
      const directory = join(isopod.root, 'erofs');
      const paths = readdirSync(directory).filter((name) => name.endsWith('.erofs'));
      for (const path of paths.map((name) => join(directory, name))) {
        const offset = readFileSync(path).indexOf(LARGE.subarray(0, 64));
        if (offset >= 0) return { path, offset };
      }
      throw new Error(`none of ${paths.join(', ')} holds the file`);
    };
    const sealFile = (path: string) => path.replace(/erofs$/, 'verity');

    test('each has the digest that the kernel measures, and can be written by nobody', async () => {
      const names = readdirSync(join(isopod.root, 'erofs')).filter((name) => name.endsWith('.erofs'));
      expect(names).toHaveLength(2);
      for (const name of names) {
        const path = join(isopod.root, 'erofs', name);
        expect(readFileSync(sealFile(path), 'utf8').trim()).toBe(disk.measure(path));
        expect(() => openSync(path, 'r+')).toThrow(/EACCES|EPERM/);
      }
      const { code, stdout } = await verify();
      expect(stdout).toMatch(/: as it came; 2 of 2 erofs images of layers sealed$/m);
      expect(code).toBe(0);
    });

    test('a block that has changed on the disk is read by no container, and verification names the file', async () => {
      const uid = await isopod.expect(['run', '-d', '--backend', 'erofs', image, 'sleep', '1000']);
      expect((await isopod.run(['exec', uid, 'cat', '/large'])).code).toBe(0);
      const { path, offset } = topImage();
      disk.damage(path, offset + 128 * 1024);
      for (const command of [
        ['exec', uid, 'cat', '/large'],
        ['run', '--rm', '--backend', 'erofs', image, 'cat', '/large'],
      ]) {
        const { code, stderr } = await isopod.run(command);
        expect(stderr).toMatch(/I\/O error|Input\/output error/);
        expect(code).toBe(1);
      }
      const found = await verify();
      expect(found.stdout).toMatch(/^ {2}layer-image sha256:.* damaged: the kernel cannot read .*large: EIO/m);
      expect(found.stdout).toContain('to do: isopod image verify --repair');
      expect(found.code).toBe(1);
      expect((await verify('--repair')).stdout).toContain('to do: start the containers that use it again');
      expect((await run('cat', '/large')).code).toBe(0);
      expect((await verify()).stdout).toContain('2 of 2 erofs images of layers sealed');
    });

    test('one with another digest than is written beside it is refused, and verification says so', async () => {
      const { path } = topImage();
      writeFileSync(sealFile(path), `sha256:${'0'.repeat(64)}`);
      const refused = await run('true');
      expect(refused.stderr).toContain('an image of a layer is not what was made of it');
      expect(refused.stderr).toContain(path);
      expect(refused.code).not.toBe(0);
      const { code, stdout } = await verify();
      expect(stdout).toMatch(/^ {2}layer-image sha256:.* changed: it is not sealed as it was when it was made/m);
      expect(code).toBe(1);
      expect((await verify('--repair')).stdout).toMatch(/layer-image .*; repaired$/m);
    });

    test('a copy of one has no seal, and is refused though it holds the same', async () => {
      const { path } = topImage();
      copyFileSync(path, `${path}-copy`);
      renameSync(`${path}-copy`, path);
      expect((await run('true')).stderr).toContain('an image of a layer is not what was made of it');
      expect((await verify()).stdout).toContain('it is not sealed as it was when it was made');
    });

    test('a host that takes signed files alone has images that nothing seals, and verification tells', async () => {
      const again = async (required: '0' | '1'): Promise<string> => {
        writeFileSync(REQUIRED, required);
        for (const name of readdirSync(join(isopod.root, 'erofs'))) rmSync(join(isopod.root, 'erofs', name));
        expect(await run('true')).toMatchObject({ code: 0 });
        return (await verify()).stdout;
      };
      try {
        expect(await again('1')).toMatch(/: as it came; 0 of 2 erofs images of layers sealed$/m);
      } finally {
        expect(await again('0')).toMatch(/: as it came; 2 of 2 erofs images of layers sealed$/m);
      }
    });
  },
);
