import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';

describe.skipIf(!existsSync('/bin/busybox'))('start and restart (busybox)', () => {
  let host: IsopodHost;
  let image: string;
  beforeAll(async () => {
    host = await IsopodHost.make();
    image = host.busyboxImage();
    await host.expect(['pull', '-q', image]);
  });
  afterAll(() => host.close());
  afterEach(() => host.removeAll());

  const run = (name: string, script: string, ...options: readonly string[]): Promise<string> =>
    host.expect(['run', '-d', '--name', name, ...options, image, 'sh', '-c', script]);
  const waitFor = (name: string, condition: string): Promise<string> =>
    host.expect(['wait', '--condition', condition, '--timeout', '60s', name]);

  test('what has ended is started with its files, its volumes, its users and its log', async () => {
    for (const options of [[], ['--userns', 'auto'], ['--disk', '8m'], ['-v', '/kept']]) {
      const uid = await run(
        'one',
        'echo life >> /kept/lives || echo life >> /lives; cat /kept/lives /lives; exit 3',
        ...options,
      );
      expect(await waitFor('one', 'exited')).toBe('3');
      expect(await host.expect(['start', 'one'])).toBe('one');
      expect(await waitFor('one', 'exited')).toBe('3');
      expect((await host.loggedLines('one')).filter((line) => line === 'life').length).toBe(3);
      expect((await host.inspect('one')).uid).toBe(uid);
      await host.expect(['rm', '-v', 'one']);
    }
  });

  test('a restart ends it first, with its stop signal, and it is another process', async () => {
    await run('one', 'trap "echo asked; exit 0" TERM; echo begun; while :; do sleep 0.1; done');
    const { pid, uid } = await host.inspect('one');
    await host.expect(['restart', '-t', '60', 'one']);
    const next = await host.inspect('one');
    expect([next.uid, next.state]).toEqual([uid, 'running']);
    expect(next.pid).not.toBe(pid);
    expect((await host.loggedLines('one')).slice(0, 2)).toEqual(['begun', 'asked']);
  });

  test('attached to its next life one sees all that it prints, and ends with its exit code', async () => {
    await run('one', 'cat; echo end >&2; exit 7', '-i');
    await host.expect(['kill', 'one']);
    await waitFor('one', 'exited');
    const { code, stdout, stderr } = await host.run(['start', '-i', 'one'], 'to the next life\n');
    expect([code, stdout, stderr]).toEqual([7, 'to the next life\n', 'end\n']);
  });

  test('what has ended is pruned, with what has ended in it, and what runs stays', async () => {
    await run('runs', 'exec sleep 1000');
    await run('inner', 'exit 1', '--parent', 'runs');
    await run('waits', 'exit 1', '--restart', 'always');
    await run('ended', 'exit 0', '--label', 'team=a');
    await run('other', 'exit 0');
    for (const name of ['runs/inner', 'ended', 'other']) await waitFor(name, 'exited');
    const uids = async (...names: readonly string[]) =>
      (await Promise.all(names.map((name) => host.inspect(name)))).map(({ uid }) => uid).sort();
    const prune = async (...options: readonly string[]) =>
      (await host.expect(['container', 'prune', ...options])).split('\n').filter(Boolean).sort();
    expect(await prune('--filter', 'until=1h')).toEqual([]);
    const ofTeam = await uids('ended');
    expect(await prune('--filter', 'label=team=a')).toEqual(ofTeam);
    const rest = await uids('runs/inner', 'other');
    expect(await prune()).toEqual(rest);
    expect((await host.expect(['ps', '-aq'])).split('\n').sort()).toEqual(await uids('runs', 'waits'));
  });

  test('one that others lived in is started without them', async () => {
    await run('outer', 'exec sleep 1000');
    await run('inner', 'exec sleep 1000', '--parent', 'outer');
    await host.expect(['restart', '-t', '0', 'outer']);
    expect((await host.inspect('outer')).state).toBe('running');
    expect((await host.inspect('outer/inner')).state).toBe('terminated');
    const nested = await host.run(['start', 'outer/inner']);
    expect(nested.stderr).toContain('cannot be started again: it lives in');
  });

  test('a start that fails is told, and can be tried again', async () => {
    await run('one', 'busybox mv /bin/sh /bin/gone; exit 0');
    await waitFor('one', 'exited');
    const { code, stderr } = await host.run(['start', 'one']);
    expect(code).not.toBe(0);
    expect(stderr).toContain('sh');
    expect((await host.inspect('one')).state).toBe('terminated');
    expect((await host.run(['start', 'one'])).code).not.toBe(0);
  });

  test('what was stopped before the agent was killed is started by the next one', async () => {
    const uid = await run('one', 'exec sleep 1000', '--userns', 'auto');
    await host.expect(['stop', '-t', '0', 'one']);
    await host.killAgent();
    await host.expect(['start', 'one']);
    expect(await host.inspect('one')).toMatchObject({ uid, state: 'running' });
  });
});
