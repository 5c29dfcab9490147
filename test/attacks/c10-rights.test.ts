import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ContainerRequest } from '../../src/model/check-request.ts';
import { until } from '../kernel/support/helper-client.ts';
import { logged } from '../kernel/support/launches.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena, type Running } from './support/arena.ts';
import { processFacts } from './support/process-facts.ts';

/** The nine that a container has unless it asks otherwise. */
const GRANTED = '00000000000005fb';
const NONE = '0000000000000000';
const READ_ONLY = { paths: [{ path: '/', access: ['read', 'execute', 'write'] }] } as const;

/** CVE-2022-29162, CVE-2022-2990, CVE-2022-36109, CVE-2025-27612: init or exec gets more than the policy says. */
describe.skipIf(!PlannedHost.isPossible)('C10, capabilities, groups and all else that a process may do', () => {
  let weak: Arena;
  let arena: Arena;
  const running: Running[] = [];
  beforeAll(async () => {
    weak = await Arena.open(['EXACT_RIGHTS']);
    arena = await Arena.open();
  });
  afterAll(async () => {
    for (const { pid } of running) process.kill(pid, 'SIGKILL');
    await weak.close();
    await arena.close();
  });

  const SLEEP = ['/bin/sh', '-c', 'echo ready; exec sleep 1000'];

  /** Facts of init and of a session, both after their exec. */
  async function facts(where: Arena, request: Partial<ContainerRequest>, user?: string) {
    const container = await where.start(SLEEP, request);
    running.push(container);
    const session = await where.startSession(container, SLEEP, user === undefined ? {} : { user });
    for (const { values } of [container, session]) await until('it runs', () => logged(values).includes('ready'));
    return { init: processFacts(container.pid), session: processFacts(session.pid) };
  }

  test('nothing is inheritable, which it is where the engine passes on what it has', async () => {
    const seen = await facts(weak, {});
    expect([seen.init.CapInh, seen.session.CapInh]).toEqual([GRANTED, GRANTED]);
    const { init, session } = await facts(arena, {});
    expect([init.CapInh, session.CapInh]).toEqual([NONE, NONE]);
  });

  test('the groups are those of the user alone, where the engine does not leave its own', async () => {
    const seen = await facts(weak, { user: 'web' }, 'web');
    expect([seen.init.Groups, seen.session.Groups]).not.toContain('1000 2000');
    const { init, session } = await facts(arena, { user: 'web' }, 'web');
    expect([init.Groups, session.Groups]).toEqual(['1000 2000', '1000 2000']);
  });

  test('all five sets are the policy exactly, for root and for another user', async () => {
    const root = await facts(arena, {});
    for (const { CapInh, CapPrm, CapEff, CapBnd, CapAmb } of Object.values(root)) {
      expect([CapInh, CapPrm, CapEff, CapBnd, CapAmb]).toEqual([NONE, GRANTED, GRANTED, GRANTED, NONE]);
    }
    const user = await facts(arena, { user: 'web' }, 'web');
    for (const { CapInh, CapPrm, CapEff, CapBnd, CapAmb } of Object.values(user)) {
      expect([CapInh, CapPrm, CapEff, CapBnd, CapAmb]).toEqual([NONE, NONE, NONE, GRANTED, NONE]);
    }
  });

  test.each<[string, Partial<ContainerRequest>]>([
    ['of its own root', {}],
    ["of the host's files", { rootfs: { kind: 'none' }, network: 'host' }],
    [
      'with everything set that can be',
      {
        process: {
          rlimits: { nofile: { soft: 64, hard: 128 }, core: { soft: 0, hard: 0 } },
          ...{ oomScoreAdj: 321, personality: 'linux32', scheduler: { policy: 'batch', nice: 7 } },
          ...{ ioPriority: { class: 'idle', level: 0 }, memoryPolicy: { mode: 'bind', nodes: [0] } },
        },
        resources: { memoryLimitBytes: 64 << 20, pidsLimit: 50, cpuMillis: 500 },
        landlock: READ_ONLY,
        readOnlyRootfs: true,
      },
    ],
  ])('an exec session in a container %s is what init is, field by field', async (_which, request) => {
    const { init, session } = await facts(arena, request);
    expect(session).toEqual(init);
    expect(init).toMatchObject({ NoNewPrivs: '1', Seccomp: '2' });
  });

  test('Landlock, of which /proc says nothing, confines init and session alike', async () => {
    const landlock = { paths: [{ path: '/', access: ['read', 'execute'] }] } as const;
    const script = [
      '/bin/sh',
      '-c',
      '(echo x >/tmp/file) 2>/dev/null && echo written || echo refused; exec sleep 1000',
    ];
    for (const [rules, answer] of [
      [undefined, 'written\n'],
      [landlock, 'refused\n'],
    ] as const) {
      const container = await arena.start(script, { landlock: rules });
      running.push(container);
      const session = await arena.startSession(container, script);
      for (const { values } of [container, session]) {
        await until('it has tried', () => logged(values) !== '');
        expect(logged(values)).toBe(answer);
      }
    }
  });
});
