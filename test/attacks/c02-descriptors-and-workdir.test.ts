import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena, type Outcome } from './support/arena.ts';

/** More than the helper ever has open at once. */
const NUMBERS = Array.from({ length: 40 }, (_, number) => number);
const READ = 'cat canary 2>/dev/null; exit 0';
const SECRET = 'a secret of the host';

/** CVE-2024-21626: a working directory of /proc/self/fd/N is a directory of the host that was left open. */
describe.skipIf(!PlannedHost.isPossible)(
  'C2, descriptors of the host and the way out through a working directory',
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'isopod-canary-'));
    const leaked = openSync(directory, 'r');
    let weak: Arena;
    let arena: Arena;
    beforeAll(async () => {
      writeFileSync(join(directory, 'canary'), SECRET);
      weak = await Arena.open(['CLOSED_DESCRIPTORS', 'RESOLVED_PATHS'], { leaked });
      arena = await Arena.open([], { leaked });
    });
    afterAll(async () => {
      await weak.close();
      await arena.close();
      closeSync(leaked);
      rmSync(directory, { recursive: true });
    });

    async function outcomes(attempt: (workdir: string) => Promise<Outcome>): Promise<readonly string[]> {
      const seen: string[] = [];
      for (const number of NUMBERS) {
        const outcome = await attempt(`/proc/self/fd/${number}`);
        seen.push('refused' in outcome ? outcome.refused : outcome.printed);
      }
      return seen;
    }

    async function ofRun(where: Arena): Promise<readonly string[]> {
      const rootfs = where.rootfs();
      return outcomes((workdir) => where.attempt(READ, { rootfs, workdir }));
    }

    /** Among the host's processes: in a pid namespace of the container's a session has no /proc/self before it appears there. */
    async function ofSession(where: Arena): Promise<readonly string[]> {
      const namespaces = { pid: { kind: 'host' } } as const;
      const container = await where.start(['/bin/sleep', '1000'], { rootfs: where.rootfs(), namespaces });
      const seen = await outcomes((workdir) => where.attemptSession(container, ['/bin/sh', '-c', READ], { workdir }));
      process.kill(container.pid, 'SIGKILL');
      return seen;
    }

    test.each([
      ['run', ofRun],
      ['exec', ofSession],
    ])('%s in /proc/self/fd/N leads to the host without the defence, and with it for no N', async (_how, attack) => {
      expect(await attack(weak)).toContain(SECRET);
      expect(new Set(await attack(arena))).toEqual(new Set(['plan.workdirRefused']));
    });

    test('a container finds a directory of the host open without the defence, and with it nothing but its streams', async () => {
      const list = 'for n in /proc/self/fd/*; do cat $n/canary 2>/dev/null; done; echo /proc/self/fd/*';
      expect(await weak.attempt(list)).toMatchObject({ printed: expect.stringContaining(SECRET) });
      // The shell itself holds the directory that it lists.
      const { printed = '' } = (await arena.attempt(list)) as { readonly printed?: string };
      expect(printed).toMatch(/^\/proc\/self\/fd\/0 \/proc\/self\/fd\/1 \/proc\/self\/fd\/2( \/proc\/self\/fd\/3)?\n$/);
    });
  },
);
