import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TarEntry, TYPE, tarArchive } from '../support/tar-writer.ts';
import { type UnpackBench, unpackBench } from '../support/unpack-driver.ts';

const { EINVAL, EFBIG } = constants.errno;

/** CVE-2021-32760, CVE-2025-47290, CVE-2025-58183; the rest of the class is in test/kernel/unpack-hostile.test.ts. */
describe('C7, layers that unpack beyond their directory', () => {
  let naive: UnpackBench;
  let bench: UnpackBench;
  beforeAll(() => {
    naive = unpackBench(['RESOLVED_PATHS']);
    bench = unpackBench();
  });
  afterAll(() => {
    naive.dispose();
    bench.dispose();
  });

  /** @returns what is then in a directory beside the target, which held `file` alone */
  async function beside(
    where: UnpackBench,
    entries: (outside: string) => readonly TarEntry[],
  ): Promise<readonly string[]> {
    const [target, outside] = [where.empty(), where.empty()];
    writeFileSync(join(outside, 'file'), 'alive');
    await where.unpack(target, tarArchive(entries(outside)));
    return [...readdirSync(outside), readFileSync(join(outside, 'file'), 'utf8')];
  }

  test.each<[string, (outside: string) => readonly TarEntry[], readonly string[]]>([
    [
      'a file through a link',
      (outside) => [
        { name: 'link', type: TYPE.symlink, link: outside },
        { name: 'link/made', data: 'x' },
      ],
      ['file', 'made', 'alive'],
    ],
    [
      'a hard link to what is behind a link',
      (outside) => [
        { name: 'link', type: TYPE.symlink, link: outside },
        { name: 'hard', type: TYPE.hardLink, link: 'link/file' },
        { name: 'link/again', type: TYPE.hardLink, link: 'hard' },
      ],
      ['again', 'file', 'alive'],
    ],
    [
      'a file through a link that replaced a directory',
      (outside) => [
        { name: 'd/', type: TYPE.directory },
        { name: 'd', type: TYPE.symlink, link: outside },
        { name: 'd/made', data: 'x' },
      ],
      ['file', 'made', 'alive'],
    ],
  ])('%s lands outside where links are followed, and not with us', async (_what, entries, landed) => {
    expect([...(await beside(naive, entries))].sort()).toEqual([...landed].sort());
    expect(await beside(bench, entries)).toEqual(['file', 'alive']);
  });

  test('a directory that was there before as a link is not followed either', async () => {
    const attack = async (where: UnpackBench): Promise<boolean> => {
      const [target, outside] = [where.empty(), where.empty()];
      mkdirSync(join(target, 'kept'));
      symlinkSync(outside, join(target, 'kept', 'link'));
      await where.unpack(target, tarArchive([{ name: 'kept/link/made', data: 'x' }]));
      return existsSync(join(outside, 'made'));
    };
    expect(await attack(naive)).toBe(true);
    expect(await attack(bench)).toBe(false);
  });

  test('names that lead up are refused, not cut', async () => {
    const answer = await bench.unpack(bench.empty(), tarArchive([{ name: '../up', data: 'x' }]));
    expect(answer).toMatchObject({ errno: EINVAL });
  });

  test('a sparse map that claims more data than is allowed ends at the bound, which is all that ends it', async () => {
    const pax: TarEntry['pax'] = [
      ['GNU.sparse.size', `${64 << 20}`],
      ['GNU.sparse.map', `0,${8 << 20}`],
    ];
    const archive = tarArchive([{ name: 's', data: Buffer.alloc(8 << 20, 'x'), pax }]);
    expect(await bench.unpack(bench.empty(), archive)).toMatchObject({ errno: 0, bytes: 8 << 20 });
    expect(await bench.unpack(bench.empty(), archive, { maxBytes: 1 << 20 })).toMatchObject({ errno: EFBIG });
  });
});
