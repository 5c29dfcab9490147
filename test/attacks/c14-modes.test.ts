import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';

/** Somebody of the host with no rights of any kind. */
const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
const IMAGE_OF = '/bin/busybox';

/** CVE-2021-41091, CVE-2021-41103, CVE-2024-25621: the engine's directories let anybody of the host in. */
describe.skipIf(!existsSync(IMAGE_OF) || spawnSync('setpriv', ['--version']).status !== 0)(
  'C14, modes of directories and files (needs busybox-static)',
  () => {
    let isopod: IsopodHost;
    beforeAll(async () => {
      isopod = await IsopodHost.make();
      // As /var/lib and /run are.
      chmodSync(isopod.directory, 0o755);
      const setUserId = 'cp /bin/busybox /tmp/taken; busybox chmod 4755 /tmp/taken; exec sleep 1000';
      await isopod.expect(['run', '-d', '--name', 'c14', isopod.busyboxImage(), 'sh', '-c', `busybox ${setUserId}`]);
      await isopod.expect(['exec', 'c14', 'sh', '-c', 'until [ -u /tmp/taken ]; do sleep 0.1; done']);
    });
    afterAll(() => isopod.close());

    /** What below a directory somebody without rights can read, write or execute, the sockets that are meant for all left out. */
    function reachable(directory: string, what: readonly string[]): readonly string[] {
      const words = [...NOBODY, 'find', directory, '-mindepth', '1', '(', ...what, ')', '-print'];
      const { stdout } = spawnSync('setpriv', words, { encoding: 'utf8' });
      return stdout.split('\n').filter(Boolean);
    }

    const ANYTHING = [
      '(',
      '-type',
      'f',
      '-o',
      '-type',
      's',
      ')',
      '(',
      '-readable',
      '-o',
      '-writable',
      '-o',
      '-executable',
      ')',
    ];
    const PROGRAMS = ['-type', 'f', '-perm', '-4000', '-executable'];

    test('nobody reaches anything of the root directory, where a set-user-id program of a container lies', () => {
      const open = join(isopod.directory, 'open');
      execFileSync('cp', ['-a', isopod.root, open]);
      execFileSync('find', [open, '-type', 'd', '-exec', 'chmod', '755', '{}', '+']);
      // With directories as they come by default, it is there for the taking.
      expect(reachable(open, PROGRAMS).some((path) => path.endsWith('/tmp/taken'))).toBe(true);
      execFileSync('rm', ['-r', open]);
      expect(reachable(isopod.root, PROGRAMS)).toEqual([]);
      expect(reachable(isopod.root, ANYTHING)).toEqual([]);
    });

    test('nobody reaches records, logs or sockets of the state directory', () => {
      expect(reachable(isopod.state, ANYTHING)).toEqual([]);
      expect(reachable(isopod.state, ['-type', 'd', '-readable', '-o', '-type', 'd', '-writable'])).toEqual([]);
    });

    test('nobody may write to the groups of the engine', () => {
      const groups = isopod.view.groups();
      expect(groups.length).toBeGreaterThan(0);
      for (const group of groups) expect(reachable(group, ['-writable'])).toEqual([]);
    });
  },
);
