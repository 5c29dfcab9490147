import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import type { ContainerConfig } from '../../src/model/container-config.ts';
import { FAILURE_PHASE, type Step, step } from '../../src/model/wire.ts';
import { EngineHost } from './support/engine-host.ts';
import { isAlive, plainSteps, TestHelper, until } from './support/helper-client.ts';
import { failure, output, RAW_LOG } from './support/launches.ts';
import { isTemporaryMappable } from './support/mappable.ts';
import { makeImage, PlannedHost } from './support/planned-host.ts';
import { shellConfig } from './support/shell-config.ts';

const EINVAL = 22;
const ENOENT = 2;

describe.skipIf(!PlannedHost.isPossible)('a createRuntime hook', () => {
  let host: EngineHost;
  let engine: Engine;
  let root: string;
  let volume: string;
  beforeEach(async () => {
    host = new EngineHost();
    engine = await host.open();
    root = join(host.directory, 'image');
    volume = join(host.directory, 'volume');
    makeImage(root);
    mkdirSync(volume);
  });
  afterEach(() => host.close());

  /** Runs `line` with the pid of the state that it reads as $pid, for a container with a volume. */
  async function launch(line: string, changes: Partial<ContainerConfig> = {}): Promise<void> {
    const script = `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); cd ${host.directory}; ${line}`;
    const hook = { path: '/bin/sh', args: ['sh', '-c', script], env: ['PATH=/usr/bin:/bin'] };
    const volumes = [{ kind: 'host-path', hostPath: volume, containerPath: '/data', readOnly: true }];
    const config = { rootfs: { kind: 'directory', path: root }, volumes, hooks: { createRuntime: [hook] } };
    await engine.launch(shellConfig('one', 'exec sleep 1000', { ...config, ...changes } as Partial<ContainerConfig>));
  }

  const NAMESPACES = [
    ['own namespaces', {}],
    ['a user namespace', { namespaces: { user: { kind: 'auto', count: 65_536 } } }],
  ] as const;
  test.each(NAMESPACES.slice(0, isTemporaryMappable() ? 2 : 1))(
    'with %s finds all that is mounted, and the root of the host still there',
    async (_, changes) => {
      await launch('cp /proc/$pid/mountinfo mounts; readlink /proc/$pid/root > where', changes);
      const points = readFileSync(join(host.directory, 'mounts'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[4] ?? '');
      // The new root lies over that of the host where the container's root could not get to a directory of the engine.
      const top = points.findLast((point) => point.endsWith('/dev/pts'))?.slice(0, -'/dev/pts'.length);
      const own = points.slice(points.lastIndexOf(top || '/'));
      expect(own).toEqual(
        expect.arrayContaining(['proc', 'dev', 'dev/pts', 'sys', 'data'].map((path) => `${top}/${path}`)),
      );
      // Masks, too: the last of what is mounted.
      expect(own.filter((point) => point.startsWith(`${top}/proc/`))).not.toEqual([]);
      expect(readFileSync(join(host.directory, 'where'), 'utf8').trim()).toBe('/');
    },
  );

  test('mounts something that the container then has', async () => {
    writeFileSync(join(host.directory, 'gift'), 'given\n');
    mkdirSync(join(root, 'given'));
    await launch(
      `top=$(grep -o ' [^ ]*/dev/pts ' /proc/$pid/mountinfo | grep -v '^ /dev/pts ' | sed 's# \\(.*\\)/dev/pts #\\1#'); ` +
        'nsenter -t $pid -m mount -t tmpfs -o mode=755 tmpfs $top/given && nsenter -t $pid -m cp $PWD/gift $top/given/',
    );
    const { pid } = await engine.status('one');
    expect(readFileSync(`/proc/${pid}/root/given/gift`, 'utf8')).toBe('given\n');
    expect(existsSync(join(root, 'given/gift'))).toBe(false);
  });

  test('is not run for a container whose mounts fail, which is told as what failed', async () => {
    const file = join(root, 'etc/data');
    const bad = [{ kind: 'host-path', hostPath: volume, containerPath: '/etc/data/below', readOnly: true }];
    const launched = launch('touch ran', { volumes: bad } as unknown as Partial<ContainerConfig>);
    await expect(launched).rejects.toMatchObject({ message: expect.stringContaining('/etc/data/below') });
    expect([existsSync(file), existsSync(join(host.directory, 'ran'))]).toEqual([true, false]);
    expect(await engine.list()).toEqual([]);
  });
});

describe('host steps behind await-mounts', () => {
  const helper = new TestHelper();
  beforeAll(() => helper.start());
  afterAll(() => helper.stop());

  const run = (line: string): Step =>
    step('test', 'run-program', {
      ...{ name: 'the program', path: '/bin/sh', arguments: ['sh', '-c', line], environment: ['PATH=/usr/bin:/bin'] },
      ...{ before: new Uint8Array(0), after: new Uint8Array(0), timeoutMs: 10_000 },
    });
  const awaitMounts = step('test', 'await-mounts', {});
  const awaitHooks = step('test', 'await-hooks', {});
  const flag = (): string => join(helper.directory, 'flag');

  test('run while the child waits, and before it goes on', async () => {
    const [awaitHost, ...rest] = plainSteps(['cat', flag()]);
    const values = helper.launchValues([], {
      ...RAW_LOG,
      hostSteps: [awaitMounts, run(`sleep 0.2; echo done > ${flag()}`)],
      childSteps: [...(awaitHost === undefined ? [] : [awaitHost]), awaitHooks, ...rest],
    });
    expect(await output(helper, values)).toEqual({ text: 'done\n', waitStatus: 0 });
  });

  test('are not run when the child fails, and it is the step of the child that is told', async () => {
    const [awaitHost, ...rest] = plainSteps(['true']);
    const gone = join(helper.directory, 'none');
    const values = helper.launchValues([], {
      hostSteps: [awaitMounts, run(`touch ${gone}`)],
      childSteps: [
        ...(awaitHost === undefined ? [] : [awaitHost]),
        step('test', 'set-workdir', { path: '/no/such/directory', create: 0 }),
        ...[awaitHooks, ...rest],
      ],
    });
    expect(await failure(helper, values)).toMatchObject({ phase: FAILURE_PHASE.child, step: 1, errno: ENOENT });
    expect(existsSync(gone)).toBe(false);
  });

  test.each([
    ['the child does not wait for', [awaitMounts], []],
    ['the host does not let go', [], [awaitHooks]],
  ])('that %s are refused before anything is done', async (_, hostSteps, more) => {
    const [awaitHost, ...rest] = plainSteps(['true']);
    const childSteps = [...(awaitHost === undefined ? [] : [awaitHost]), ...more, ...rest];
    const refused = await failure(helper, helper.launchValues([], { hostSteps, childSteps }));
    expect(refused).toMatchObject({ phase: FAILURE_PHASE.request, errno: EINVAL, detail: 'childSteps' });
  });

  test('end with the agent that waits for the launch, and the child with them', async () => {
    const [awaitHost, ...rest] = plainSteps(['true']);
    const values = helper.launchValues([], {
      hostSteps: [awaitMounts],
      childSteps: [...(awaitHost === undefined ? [] : [awaitHost]), run('sleep 1000'), ...[awaitHooks, ...rest]],
    });
    const connection = await helper.connect();
    await connection.send('launch', values);
    const { pid } = await connection.expect('cloned');
    connection.close();
    await until('the child is gone', () => !isAlive(Number(pid)));
  });
});
