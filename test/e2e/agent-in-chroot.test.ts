import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeBusyboxRootfs } from '../bench/busybox-image.ts';
import { Installation, until } from './support/installation.ts';

const BUSYBOX = '/bin/busybox';

test.skipIf(!existsSync(BUSYBOX))(
  'exec sees the root of its container under an agent in a chroot (busybox-static)',
  async () => {
    const own = new Installation();
    const elsewhere = join(own.directory, 'chroot');
    mkdirSync(elsewhere);
    const rootfs = makeBusyboxRootfs(join(own.directory, 'rootfs'));
    const script = 'mount --rbind / "$1" && exec chroot "$1" "$2" agent';
    const words = ['-m', 'sh', '-c', script, 'sh', elsewhere, own.command];
    const agent = spawn('unshare', words, { env: { ...own.env, ISOPOD_ALLOW_NAMESPACES: '1' }, stdio: 'ignore' });
    const ended = new Promise((resolve) => agent.once('close', resolve));
    try {
      await until('the agent listens', () => existsSync(join(own.state, 'agent.sock')));
      await own.expect(['run', '-d', '--name', 'sleeper', '--rootfs', rootfs, '/bin/sleep', '1000']);
      const listed = await own.expect(['exec', 'sleeper', '/bin/ls', '/']);
      expect(listed.split('\n')).toEqual(['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp']);
    } finally {
      await own.close();
      await ended;
    }
  },
);
