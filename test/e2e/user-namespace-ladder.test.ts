import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_NAMESPACE_POLICY } from '../../src/model/namespace-policy.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';

const SYS_MOUNT_SETATTR = 442;
const FIRST = DEFAULT_NAMESPACE_POLICY.idPool.first;

/** An agent on a kernel before 5.12, or under a filter that does not know the call: files cannot be shown under other owners. */
describe.skipIf(!existsSync('/bin/busybox')).each(['ENOSYS', 'EPERM'] as const)(
  'a user namespace where mount_setattr answers %s (busybox)',
  (name) => {
    let host: IsopodHost;
    let image: string;
    const startAgent = (): void => {
      const deny = join(host.directory, 'deny');
      execFileSync('gcc', ['-o', deny, join(import.meta.dirname, '../../native/test/deny.c')]);
      // The agent that this starts inherits the filter, and so does its fork server.
      const words = [`${constants.errno[name]}`, `${SYS_MOUNT_SETATTR}`, '--', host.command, 'pull', image];
      const started = spawnSync(deny, words, { env: host.env, encoding: 'utf8' });
      if (started.status !== 0) throw new Error(started.stderr);
    };
    beforeAll(async () => {
      host = await IsopodHost.make();
      image = host.busyboxImage();
      startAgent();
    });
    afterAll(() => host.close());

    test('the container gets a copy with other owners, explain says so, and the layers keep theirs', async () => {
      const script = 'ls -ln /bin/busybox; touch /made; ls -ln /made; sleep 1000';
      await host.expect(['run', '-d', '--name', 'copied', '--userns', 'auto', image, 'sh', '-c', script]);
      expect(await host.expect(['explain', '--userns', 'auto', image])).toMatch(
        /files +namespaces\/user +a copy with other/,
      );
      expect(await host.expect(['exec', 'copied', 'ls', '-ln', '/bin/busybox'])).toMatch(/^-rwxr-xr-x +1 0 +0 /);
      const { uid } = await host.inspect('copied');
      expect(lstatSync(join(host.root, 'containers', uid, 'upper/bin/busybox')).uid).toBe(FIRST);
      await host.expect(['rm', '-f', 'copied']);
    });

    test.each(['overlay', 'copy'])(
      'backend %s: diff and commit tell what was changed, with the owners of the container',
      async (backend) => {
        const script = 'echo x > /made; busybox chown 1000:1001 /made; busybox rm /etc/group; exec sleep 1000';
        const words = ['--backend', backend, '--userns', 'auto', image, 'sh', '-c', script];
        await host.expect(['run', '-d', '--name', 'changed', ...words]);
        const told = async () => (await host.expect(['diff', 'changed'])).split('\n').sort();
        while (!(await told()).includes('D /etc/group')) await new Promise((resolve) => setTimeout(resolve, 20));
        expect(await told()).toEqual(['A /made', 'C /etc', 'D /etc/group']);
        await host.expect(['commit', 'changed', 'made:1']);
        const seen = ['run', '--rm', 'made:1', 'ls', '-ln', '/made', '/bin/busybox', '/etc'];
        const listed = await host.expect(seen);
        expect(listed).toMatch(/ 1000 +1001 .*\/made$/m);
        expect(listed).toMatch(/ 0 +0 .*\/bin\/busybox$/m);
        expect(listed).not.toMatch(/ group$/m);
        await host.expect(['rm', '-f', 'changed']);
        await host.expect(['rmi', 'made:1']);
      },
    );

    test.each(['overlay', 'copy'])(
      'backend %s: diff and commit know the owners of one that lives in another, at every depth, and after its end',
      async (backend) => {
        await host.expect(['run', '-d', '--name', 'web', '--userns', 'auto', image, 'sleep', '1000']);
        const script = 'echo x > /made; busybox chown 1000:1001 /made; busybox rm /etc/group; exec sleep 1000';
        const nested = (parent: string, name: string) =>
          host.expect([
            ...['run', '-d', '--name', name, '--parent', parent, '--backend', backend, image, 'sh', '-c', script],
          ]);
        await nested('web', 'db');
        await nested('web/db', 'deep');
        for (const path of ['web/db/deep', 'web/db']) {
          const told = async () => (await host.expect(['diff', path])).split('\n').sort();
          while (!(await told()).includes('D /etc/group')) await new Promise((resolve) => setTimeout(resolve, 20));
          expect(await told()).toEqual(['A /made', 'C /etc', 'D /etc/group']);
          await host.expect(['commit', path, 'made:1']);
          await host.expect(['stop', '-t', '0', path]);
          expect(await told()).toEqual(['A /made', 'C /etc', 'D /etc/group']);
          await host.expect(['commit', path, 'made:2']);
          for (const made of ['made:1', 'made:2']) {
            const listed = await host.expect(['run', '--rm', made, 'ls', '-ln', '/made', '/bin/busybox', '/etc']);
            expect(listed).toMatch(/ 1000 +1001 .*\/made$/m);
            expect(listed).toMatch(/ 0 +0 .*\/bin\/busybox$/m);
            expect(listed).not.toMatch(/ group$/m);
            await host.expect(['rmi', made]);
          }
        }
        await host.expect(['rm', '-f', 'web']);
      },
    );

    test.each(['overlay', 'copy'])(
      'backend %s: an agent that can show files under other owners knows those of an earlier one that could not',
      async (backend) => {
        const script = 'echo x > /made; busybox chown 1000:1001 /made; exec sleep 1000';
        const words = ['--backend', backend, image, 'sh', '-c', script];
        await host.expect(['run', '-d', '--name', 'web', '--userns', 'auto', ...words]);
        await host.expect(['run', '-d', '--name', 'db', '--parent', 'web', ...words]);
        await host.expect(['run', '-d', '--name', 'old', '--parent', 'web', ...words]);
        await host.expect(['run', '-d', '--name', 'ended', '--userns', 'auto', ...words]);
        const all = ['web', 'web/db', 'web/old', 'ended'];
        for (const name of all) {
          await until('its file is made', async () =>
            /1000 +1001/.test(await host.expect(['exec', name, 'ls', '-ln', '/made'])),
          );
        }
        await host.expect(['stop', '-t', '0', 'web/old', 'ended']);
        await host.killAgent();
        await host.killForkServer();
        await host.startAgent();
        try {
          for (const name of all) {
            expect(await host.expect(['diff', name])).toBe('A /made');
            await host.expect(['commit', name, 'made:1']);
            expect(await host.expect(['run', '--rm', 'made:1', 'ls', '-ln', '/made'])).toMatch(/ 1000 +1001 /);
            await host.expect(['rmi', 'made:1']);
          }
          await host.expect(['start', 'ended']);
          expect(await host.expect(['exec', 'ended', 'ls', '-ln', '/made', '/bin/busybox'])).toMatch(
            / 0 +0 .*busybox\n.* 1000 +1001 /,
          );
          await host.expect(['rm', '-f', 'web', 'ended']);
        } finally {
          await host.killAgent();
          await host.killForkServer();
          startAgent();
        }
      },
    );

    test('a layer on a file system of its own gets other owners as any', async () => {
      const words = ['run', '--rm', '--userns', 'auto', '--disk', '64m', image, 'ls', '-ln', '/bin/busybox'];
      expect(await host.expect(words)).toMatch(/^-rwxr-xr-x +1 0 +0 /);
    });

    test('an image volume is refused, and the remedy told', async () => {
      const mount = `type=image,source=${image},target=/tools`;
      const { code, stderr } = await host.run(['run', '--rm', '--userns', 'auto', '--mount', mount, image, 'true']);
      expect(stderr).toMatch(/can show its layers under other owners\n.*leave out --userns/);
      expect(code).toBe(125);
    });

    test('a volume is neither copied nor chowned, but refused', async () => {
      const volume = join(host.directory, 'volume');
      mkdirSync(volume);
      const { code, stderr } = await host.run(['run', '--rm', '--userns', 'auto', '-v', `${volume}:/v`, image, 'true']);
      expect(stderr).toContain(`the files of ${volume} cannot be shown under other owners`);
      expect(code).toBe(125);
      expect(lstatSync(volume).uid).toBe(0);
    });
  },
);
