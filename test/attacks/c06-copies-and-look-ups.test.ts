import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { type UnpackBench, unpackBench } from '../support/unpack-driver.ts';
import { Arena } from './support/arena.ts';

/** What a library of the image does as soon as somebody with rights of the host loads it. */
const LIBRARY = `
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) { close(open("/loaded", O_CREAT | O_WRONLY, 0600)); }
int _nss_evil_getpwnam_r(void) { return 0; }
`;
/** How an engine looks up a user that takes the image for its root and leaves the rest to its C library. */
const NAIVE_LOOK_UP = `
#include <pwd.h>
#include <unistd.h>
int main(int argc, char **argv) {
  if (argc != 2 || chroot(argv[1]) < 0 || chdir("/") < 0) return 1;
  getpwnam("web");
  return 0;
}
`;

/**
 * CVE-2019-14271, CVE-2018-15664, CVE-2022-1227, CVE-2026-41567: something with rights of the host loads, executes or
 * follows what lies in the container's tree.
 */
describe.skipIf(!PlannedHost.isPossible)('C6, work of the host in the tree of a container', () => {
  let arena: Arena;
  let bench: UnpackBench;
  beforeAll(async () => {
    arena = await Arena.open();
    bench = unpackBench();
  });
  afterAll(async () => {
    await arena.close();
    bench.dispose();
  });

  function compile(source: string, output: string, flags: readonly string[]): void {
    execFileSync('gcc', ['-O1', '-x', 'c', '-', '-o', output, ...flags], { input: source });
  }

  test('a look-up of a user loads a library of the image where the C library does it, and ours loads nothing', async () => {
    const rootfs = arena.rootfs((directory) => {
      for (const name of ['lib', 'lib64', 'usr/lib']) mkdirSync(join(directory, name), { recursive: true });
      writeFileSync(join(directory, 'etc/nsswitch.conf'), 'passwd: evil\ngroup: evil\n');
      for (const name of ['lib', 'lib64', 'usr/lib']) {
        compile(LIBRARY, join(directory, name, 'libnss_evil.so.2'), ['-shared', '-fPIC']);
      }
    });
    const loaded = join(rootfs.path, 'loaded');
    const naive = join(arena.directory(), 'look-up');
    compile(NAIVE_LOOK_UP, naive, []);
    expect(spawnSync(naive, [rootfs.path]).status).toBe(0);
    expect(existsSync(loaded)).toBe(true);
    rmSync(loaded);
    expect(await arena.attempt('id -u', { rootfs, user: 'web' })).toEqual({ printed: '1000\n', waitStatus: 0 });
    expect(existsSync(loaded)).toBe(false);
  });

  test('a tree is removed beyond itself by a path that is looked up again, and not by descriptors', () => {
    const remove = (by: 'name' | 'descriptor'): boolean => {
      const [parent, outside] = [bench.empty(), bench.empty()];
      writeFileSync(join(outside, 'file'), 'alive');
      const tree = join(parent, 'tree');
      mkdirSync(join(tree, 'sub', 'deep'), { recursive: true });
      if (by === 'descriptor') {
        bench.removeTree(parent, 'tree', { name: 'sub', outside });
      } else {
        // Looked at as a directory; it is a link by the time that its content goes.
        rmSync(join(tree, 'sub'), { recursive: true });
        symlinkSync(outside, join(tree, 'sub'));
        execFileSync('sh', ['-c', 'rm -rf "$1"/sub/*', 'rm', tree]);
      }
      return existsSync(join(outside, 'file'));
    };
    expect(remove('name')).toBe(false);
    expect(remove('descriptor')).toBe(true);
  });

  test('the helper needs no program and no library but itself', () => {
    const dynamic = execFileSync('readelf', ['-d', arena.binary], { encoding: 'utf8' });
    expect(dynamic).not.toContain('(NEEDED)');
    expect(execFileSync('readelf', ['-l', arena.binary], { encoding: 'utf8' })).not.toContain('INTERP');
    const sources = execFileSync(
      'grep',
      ['-rlE', '\\b(dlopen|popen|system|getpwnam|getgrnam|getpwuid)\\(', 'native', '--include=*.c'],
      {
        cwd: join(import.meta.dirname, '../..'),
        encoding: 'utf8',
      },
    );
    expect(sources.split('\n').filter((path) => path !== '' && !path.startsWith('native/test/'))).toEqual([]);
    expect(readFileSync(arena.binary).includes('libnss')).toBe(false);
  });
});
