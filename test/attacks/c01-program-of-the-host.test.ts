import { chmodSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../kernel/support/helper-client.ts';
import { logged } from '../kernel/support/launches.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena } from './support/arena.ts';

/** Looks for the helper among the processes of its container and makes its file set-user-id. */
const TAKE_OVER = `
for try in $(busybox seq 1 600); do
  for process in /proc/[0-9]*; do
    case $(readlink $process/exe) in
      *isopod-helper*) busybox chmod 4755 $process/exe && echo changed || echo refused; exit ;;
    esac
  done
  sleep 0.1
done
echo 'no helper'`;

/** CVE-2019-5736: what a container executes as /proc/self/exe, or has as an interpreter, is the program of the host. */
describe.skipIf(!PlannedHost.isPossible)('C1, the program of the host reached through /proc/self/exe', () => {
  let weak: Arena;
  let arena: Arena;
  beforeAll(async () => {
    weak = await Arena.open(['SEALED_PROGRAM']);
    arena = await Arena.open();
  });
  afterAll(async () => {
    await weak.close();
    await arena.close();
  });

  /** An exec of `command` keeps the helper alive in the container; a second one reaches for its file. @returns its mode */
  async function attack(where: Arena, command: readonly string[]): Promise<number> {
    const rootfs = where.rootfs((directory) => {
      const shell = join(directory, 'bin/sh');
      rmSync(shell);
      writeFileSync(shell, '#!/proc/self/exe fork-server\n');
      chmodSync(shell, 0o755);
    });
    const container = await where.start(['/bin/busybox', 'sleep', '1000'], { rootfs });
    const before = statSync(where.binary).mode;
    const bait = await where.startSession(container, command);
    const attacker = await where.startSession(container, ['/bin/busybox', 'sh', '-c', TAKE_OVER]);
    await until('the attacker is done', () => /changed|refused|no helper/.test(logged(attacker.values)));
    expect(logged(attacker.values)).not.toContain('no helper');
    const after = statSync(where.binary).mode;
    chmodSync(where.binary, before & 0o7777);
    process.kill(bait.pid, 'SIGKILL');
    process.kill(container.pid, 'SIGKILL');
    return after & 0o7777;
  }

  test.each([
    ['as its command', ['/proc/self/exe', 'fork-server', '/tmp/socket', '/tmp/log']],
    ['as the interpreter of its shell', ['/bin/sh', '/tmp/log']],
  ])('a container that has it %s changes it without the sealed copy, and not with it', async (_how, command) => {
    expect(await attack(weak, command)).toBe(0o4755);
    expect(await attack(arena, command)).toBe(0o755);
  });
});
