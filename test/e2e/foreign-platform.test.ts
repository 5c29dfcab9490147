import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeTar } from '../../src/image/embedded/tar-writer.ts';
import { Installation } from './support/installation.ts';

describe('an image that is for another platform', () => {
  const isopod = new Installation();
  const path = (name: string): string => join(isopod.directory, name);
  beforeAll(async () => {
    await isopod.expect(['pull', '-q', 'hello']);
    await isopod.expect(['push', '-q', 'hello', `tar:${path('hello.tar')}`]);
    const words = ['import', '--platform', 'linux/s390x', '-c', 'CMD ["/hello"]'];
    await isopod.expect([...words, path('hello.tar'), 'foreign:1']);
    writeFileSync(path('noise.tar'), writeTar([{ path: 'hello', mode: 0o755, content: Buffer.from('\x7fnoise') }]));
    await isopod.expect([...words, path('noise.tar'), 'noise:1']);
  });
  afterAll(() => isopod.close());

  test('is told as that on stderr each time that it runs, and one for this platform is not', async () => {
    const warning = /^WARNING: the platform of image foreign:1 \(linux\/s390x\) does not match .* \(linux\/a..64\)\n$/;
    for (const words of [['--rm'], ['--rm', '-d']]) {
      const run = await isopod.run(['run', ...words, 'foreign:1']);
      expect(run).toMatchObject({ code: 0, stderr: expect.stringMatching(warning) });
    }
    expect(await isopod.run(['run', '--rm', 'hello'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('and that no emulator runs is the reason why it cannot be executed', async () => {
    const run = await isopod.run(['run', '--rm', 'noise:1']);
    expect(run).toMatchObject({ code: 126, stderr: expect.stringContaining('the image is for linux/s390x') });
    expect(run.stderr).toMatch(/pull it with --platform linux\/a..64, or install an emulator/);
  });
});
