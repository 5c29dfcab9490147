import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeBusyboxRootfs } from '../bench/busybox-image.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { type Result, until } from './support/installation.ts';

const BUSYBOX = '/bin/busybox';
const HELPER = join(import.meta.dirname, '..', '..', '.build', 'isopod-helper');

/** What a container does that wants out of it, run by root in it, and what becomes of it. */
describe.skipIf(!existsSync(BUSYBOX))('a hostile container (needs busybox-static)', () => {
  let isopod: IsopodHost;
  let rootfs: string;

  beforeAll(async () => {
    isopod = await IsopodHost.make();
    rootfs = makeBusyboxRootfs(join(isopod.directory, 'rootfs'));
  });
  afterAll(() => isopod.close());

  function script(text: string, options: readonly string[] = []): Promise<Result> {
    return isopod.run(['run', '--rm', '--rootfs', rootfs, ...options, 'sh', '-c', text]);
  }

  // CVE-2019-5736: the helper is still the running program when it executes this.
  test('that executes /proc/self/exe gets nothing of the host with it', async () => {
    const before = statSync(HELPER);
    await isopod.expect(['run', '-d', '--name', 'exe', '--rootfs', rootfs, 'sleep', '100']);
    const idle = isopod.start(['exec', 'exe', '/proc/self/exe', 'fork-server', '/tmp/socket', '/tmp/log']);
    const found = await isopod.run(['exec', 'exe', 'sh', '-c', FIND_HELPER]);
    expect(found).toMatchObject({ code: 0, stdout: 'memfd not written\n' });
    expect(statSync(HELPER)).toMatchObject({ mode: before.mode, ctimeMs: before.ctimeMs });
    await isopod.expect(['rm', '-f', 'exe']);
    idle.kill();
  });

  test('that has the helper as the interpreter of its command gets an error', async () => {
    writeFileSync(join(rootfs, 'bin/script'), '#!/proc/self/exe\n', { mode: 0o755 });
    const { code, stderr } = await isopod.run(['run', '--rm', '--rootfs', rootfs, 'script']);
    expect([code, stderr.startsWith('usage: isopod-helper')]).toEqual([125, true]);
  });

  test.each(['run', 'exec'])('cannot change the null device of the host through its %s stdin', async (how) => {
    const before = statSync('/dev/null');
    const change =
      'busybox chmod 600 /proc/self/fd/0 && busybox chown 1:1 /proc/self/fd/0; busybox stat -Lc %a /proc/self/fd/0';
    if (how === 'run') {
      expect((await script(change)).stdout).toBe('600\n');
    } else {
      await isopod.expect(['run', '-d', '--name', 'null', '--rootfs', rootfs, 'sleep', '100']);
      expect((await isopod.run(['exec', 'null', 'sh', '-c', change])).stdout).toBe('600\n');
      await isopod.expect(['rm', '-f', 'null']);
    }
    expect(statSync('/dev/null')).toMatchObject({ mode: before.mode, uid: before.uid });
  });

  test('that has put something else at /dev/null gives an exec an empty stdin', async () => {
    const replace = 'busybox rm /dev/null; busybox ln -s /proc/kcore /dev/null; echo replaced; exec sleep 100';
    await isopod.expect(['run', '-d', '--name', 'link', '--rootfs', rootfs, 'sh', '-c', replace]);
    await until('it has', async () => (await isopod.expect(['logs', 'link'])) === 'replaced');
    const { stdout } = await isopod.run(['exec', 'link', 'sh', '-c', 'readlink /proc/self/fd/0; cat | wc -c']);
    expect(stdout).toMatch(/^pipe:\[\d+\]\n0\n$/);
    await isopod.expect(['rm', '-f', 'link']);
  });

  test('whose file system has a node of a device cannot open it, in a volume neither', async () => {
    const volume = join(isopod.directory, 'volume');
    mkdirSync(volume);
    for (const directory of [rootfs, volume]) {
      execFileSync('mknod', ['-m', '666', join(directory, 'zero'), 'c', '1', '5']);
    }
    const { stdout, stderr } = await script(
      'head -c 1 /zero | wc -c; head -c 1 /v/zero | wc -c; head -c 1 /dev/zero | wc -c',
      ['-v', `${volume}:/v`],
    );
    expect(stdout).toBe('0\n0\n1\n');
    expect(stderr.match(/Permission denied/g)).toHaveLength(2);
  });

  test('of an image has a root file system without devices', async () => {
    const { stdout } = await isopod.run(['run', '--rm', isopod.busyboxImage(), 'sh', '-c', 'grep " / " /proc/mounts']);
    expect(stdout).toMatch(/^overlay \/ overlay rw,nodev,/);
  });

  test.each(['proc', 'sys', 'dev'])('whose /%s is a link is refused', async (name) => {
    rmSync(join(rootfs, name), { recursive: true });
    symlinkSync('/tmp', join(rootfs, name));
    const { code, stderr } = await script('true');
    rmSync(join(rootfs, name));
    mkdirSync(join(rootfs, name));
    expect([code, stderr.includes(`/${name}`)]).toEqual([125, true]);
  });

  test.each(['/proc/self/fd/3', '/proc/self/fd/0', '/proc/self/cwd'])(
    'has no way out by workdir %s',
    async (workdir) => {
      const { code, stderr } = await script('true', ['--workdir', workdir]);
      expect([code, stderr.includes(workdir)]).toEqual([125, true]);
    },
  );

  test('that runs as a user opens its own streams anew', async () => {
    const { stdout, stderr } = await script('echo out >/dev/stdout; echo err >/dev/stderr', ['--user', 'nobody']);
    expect([stdout, stderr]).toEqual(['out\n', 'err\n']);
  });
});

/** Looks for the helper among its processes, then tries what an attacker would. */
const FIND_HELPER = `
for try in $(busybox seq 1 400); do
  for p in /proc/[0-9]*; do
    case $(readlink $p/exe) in
      *isopod-helper*)
        case $(readlink $p/exe) in /memfd:*) echo -n 'memfd ' ;; esac
        busybox chmod 4755 $p/exe
        exec 3<$p/exe
        busybox kill -9 \${p#/proc/}
        while readlink $p/exe; do sleep 0.05; done >/dev/null 2>&1
        echo -n x 2>/dev/null >>/proc/self/fd/3 && echo written || echo 'not written'
        exit 0 ;;
    esac
  done
  sleep 0.1
done
echo 'no helper'
`;
