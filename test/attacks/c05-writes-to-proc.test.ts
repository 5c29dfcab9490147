import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { step } from '../../src/model/wire.ts';
import { encodeLaunch } from '../../src/plan/encode.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena } from './support/arena.ts';

/** CVE-2019-16884, CVE-2025-52881: what is written to /proc lands in a file that the container has put there. */
describe.skipIf(!PlannedHost.isPossible)('C5, writes to /proc that land in a decoy', () => {
  let weak: Arena;
  let arena: Arena;
  beforeAll(async () => {
    weak = await Arena.open(['OWN_PROCFS']);
    arena = await Arena.open();
  });
  afterAll(async () => {
    await weak.close();
    await arena.close();
  });

  /** Something like a /proc, all of whose files are empty and take anything. */
  function decoy(where: Arena, files: readonly string[]): string {
    const directory = where.directory();
    for (const file of files) {
      mkdirSync(join(directory, file, '..'), { recursive: true });
      writeFileSync(join(directory, file), '');
    }
    return directory;
  }

  /** Steps for a process that has a decoy at /proc already, as a session in a container that has mounted one. */
  async function written(where: Arena, file: string, write: Parameters<typeof steps>[1]): Promise<string> {
    const directory = decoy(where, [file]);
    const { plan, channel } = await where.host.plan({ command: ['/bin/true'] });
    const encoded = encodeLaunch(plan, channel);
    await where.attemptLaunch({ ...encoded, childSteps: steps(directory, write) });
    return readFileSync(join(directory, file), 'utf8');
  }

  test('a kernel parameter lands in a decoy where /proc is taken as it is, and in the kernel otherwise', async () => {
    const write = step('test', 'write-sysctl', { path: 'kernel/domainname', value: 'inside' });
    expect(await written(weak, 'sys/kernel/domainname', write)).toBe('inside');
    expect(await written(arena, 'sys/kernel/domainname', write)).toBe('');
    const { printed } = (await arena.attempt('cat /proc/sys/net/ipv4/ip_forward', {
      sysctls: { 'net.ipv4.ip_forward': '1' },
    })) as { readonly printed: string };
    expect(printed).toBe('1\n');
  });

  test('a label of a security module lands in a decoy, and the container runs without one, or does not', async () => {
    const write = step('test', 'set-exec-label', { attribute: 'exec', label: 'confined' });
    expect(await written(weak, 'self/attr/exec', write)).toBe('confined');
    expect(await written(arena, 'self/attr/exec', write)).toBe('');
  });
});

/** In a mount namespace of its own: the decoy covers /proc, then comes the write, then the command. */
function steps(directory: string, write: ReturnType<typeof step>) {
  return [
    step('test', 'set-propagation', { flags: 0x44000 }),
    step('test', 'clone-tree', { slot: 0, path: directory, recursive: 0, expect: 1 }),
    step('test', 'attach-at', { slot: 0, target: '/proc' }),
    step('test', 'await-host', {}),
    write,
    step('test', 'await-start', {}),
    step('test', 'exec', { arguments: ['/bin/true'], environment: [] }),
  ];
}
