import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ContainerRequest } from '../../src/model/check-request.ts';
import { step } from '../../src/model/wire.ts';
import { encodeLaunch } from '../../src/plan/encode.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena, type Outcome } from './support/arena.ts';

/** Of the container's own UTS namespace, so that a test may write it; hidden paths of the host would do as well. */
const KNOB = '/proc/sys/kernel/hostname';
/** No plan takes so many. */
const FREE_SLOT = 60;

interface Cover extends Partial<ContainerRequest> {
  readonly before: string;
  readonly target: string;
  /** What in it is a link to a knob of the kernel. */
  readonly links: readonly string[];
  readonly script: string;
}

/** CVE-2025-31133, -52565, CVE-2019-19921: what the engine mounts or hides goes by a name that the image arranged. */
describe.skipIf(!PlannedHost.isPossible)('C4, the null device, the terminal and kernel directories replaced', () => {
  const arenas: Arena[] = [];
  let arena: Arena;
  beforeAll(async () => {
    arena = await Arena.open();
    arenas.push(arena);
  });
  afterAll(async () => {
    for (const each of arenas) await each.close();
  });

  async function weakened(...without: Parameters<typeof Arena.open>[0] & object): Promise<Arena> {
    const weak = await Arena.open(without);
    arenas.push(weak);
    return weak;
  }

  /**
   * Launches a container in which a directory of the attacker's covers `target` from a moment on: right before the first
   * step of a kind. The engine refuses a volume there; a race or a tree that is shared would come to the same.
   */
  async function covered(where: Arena, cover: Cover): Promise<Outcome> {
    const { before, target, links, script, ...request } = cover;
    const directory = where.directory();
    for (const name of links) symlinkSync(KNOB, join(directory, name));
    const command = ['/bin/sh', '-c', script];
    const { plan, channel } = await where.host.plan({ command, rootfs: where.rootfs(), ...request });
    const encoded = encodeLaunch(plan, channel);
    const at = encoded.childSteps.findIndex(({ op }) => op === before);
    const childSteps = encoded.childSteps.toSpliced(
      at,
      0,
      step('attacker', 'clone-tree', { slot: FREE_SLOT, path: directory, recursive: 0, expect: 1 }),
      step('attacker', 'attach-mount', { slot: FREE_SLOT, target, create: 0, noSymlinks: 1 }),
    );
    return where.attemptLaunch({ ...encoded, childSteps });
  }

  const NULL_IS_LINK: Cover = {
    ...{ before: 'mask-path', target: '/dev', links: ['null'] },
    script: `echo taken >/proc/keys; cat ${KNOB}`,
  };

  test('a null device that is a link makes a writable knob of a hidden file without the check, and is refused with it', async () => {
    const weak = await weakened('VERIFIED_NULL', 'RESOLVED_PATHS');
    expect(await covered(weak, NULL_IS_LINK)).toMatchObject({ printed: 'taken\n' });
    expect(await covered(arena, NULL_IS_LINK)).toMatchObject({ message: expect.stringContaining('/dev/null') });
  });

  test('a null device that is a file makes a hidden file one that can be written, and is refused with the check', async () => {
    const attack = (where: Arena): Promise<Outcome> => {
      const hostPath = join(where.directory(), 'null');
      writeFileSync(hostPath, '');
      const volumes = [{ kind: 'host-path', hostPath, containerPath: '/dev/null', readOnly: false }] as const;
      return where.attempt('echo taken >/proc/keys; cat /proc/keys', { volumes });
    };
    expect(await attack(await weakened('VERIFIED_NULL'))).toMatchObject({ printed: 'taken\n' });
    expect(await attack(arena)).toMatchObject({ message: expect.stringContaining('/dev/null') });
  });

  test('a terminal looked up by name makes a knob of the kernel the console, and is refused', async () => {
    const cover: Cover = {
      ...{ before: 'pivot-root', target: '/dev/pts', links: ['0', '1', '2'], terminal: true },
      script: 'test -c /dev/console || cat /dev/console',
    };
    const weak = await weakened('TERMINAL_BY_DESCRIPTOR');
    expect(await covered(weak, cover)).toMatchObject({ printed: expect.stringMatching(/^\d{12}\s/) });
    expect(await covered(arena, cover)).toMatchObject({ message: expect.stringContaining('/dev/pts') });
  });

  test.each(['/dev', '/dev/pts', '/proc', '/sys'])(
    'a volume at %s is refused before anything is done',
    async (target) => {
      const volumes = [
        { kind: 'host-path', hostPath: arena.directory(), containerPath: target, readOnly: false },
      ] as const;
      await expect(arena.host.plan({ command: ['sh'], volumes })).rejects.toMatchObject({
        code: 'volume.reserved',
      });
    },
  );

  /** The image's `/NAME` is a link to a directory of its own. */
  function directoryIsLink(where: Arena, name: string): Promise<Outcome> {
    const rootfs = where.rootfs((directory) => {
      mkdirSync(join(directory, 'decoy'));
      symlinkSync('/decoy', join(directory, name));
    });
    return where.attempt('busybox mount', { rootfs });
  }

  test.each(['proc', 'sys', 'dev'])(
    'a /%s that is a link moves the mount where links are followed, and is refused',
    async (name) => {
      // The masks come from /dev/null, which is not looked for behind a link either.
      const weak = await weakened('REFUSED_LINKS', ...(name === 'dev' ? (['HIDDEN_PATHS'] as const) : []));
      const { printed } = (await directoryIsLink(weak, name)) as { readonly printed: string };
      expect(printed).toContain(' on /decoy ');
      expect(printed).not.toContain(` on /${name} `);
      expect(await directoryIsLink(arena, name)).toMatchObject({ refused: 'plan.linkOnPath' });
    },
  );

  /** A link of the image to a path of the host, on the way to a mount point that is missing. */
  async function linkToHost(where: Arena): Promise<readonly string[]> {
    const canary = where.directory();
    const rootfs = where.rootfs((directory) => symlinkSync(canary, join(directory, 'mnt')));
    const volumes = [
      { kind: 'host-path', hostPath: where.directory(), containerPath: '/mnt/made', readOnly: false },
    ] as const;
    expect(await where.attempt('test -d /mnt/made', { rootfs, volumes })).toBeDefined();
    expect(existsSync(canary)).toBe(true);
    return readdirSync(canary);
  }

  test('a link on the way to a mount point leads to the host where paths are not resolved inside the root', async () => {
    const weak = await weakened('PATHS_RESOLVED_ONCE');
    expect(await linkToHost(weak)).toEqual(['made']);
    expect(await linkToHost(arena)).toEqual([]);
  });
});
