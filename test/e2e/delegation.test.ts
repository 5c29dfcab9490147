import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';
import { DelegatedJob } from './support/delegated-job.ts';

/** A job in a container that divides what it was given among containers of its own. */
describe.skipIf(!existsSync('/bin/busybox'))('delegation (busybox)', () => {
  let host: IsopodHost;
  let image: string;
  beforeAll(async () => {
    host = await IsopodHost.make();
    image = host.busyboxImage();
    await host.expect(['pull', image]);
  });
  afterAll(() => host.close());
  afterEach(() => host.removeAll());

  /** Options of what the job launches: below itself, of the image that is here. */
  const below = (name: string) =>
    `--parent job --name ${name} --pull never --mount type=sandbox,source=parent:meet,target=/meet`;
  const limitsOf = async (path: string): Promise<Readonly<Record<string, number>>> => {
    const place = `/v1/containers/${encodeURIComponent(path)}`;
    return (await host.api.expect<{ config: { resources: Record<string, number> } }>('GET', place)).config.resources;
  };

  test('a job divides its grant among cases that run at once, collects what they print and how they end, and is gone', async () => {
    const job = await DelegatedJob.start(host, 'job', ['-m', '1g', '--cpus', '2', '--pids-limit', '300']);
    const meets = 'n=0; until [ $(ls /meet | wc -l) = 3 ] || [ $n = 600 ]; do sleep 0.1; n=$((n+1)); done';
    // Each waits for the others: one after the other they would never end.
    const script = `
      check() {
        isopod run --rm ${below('$1')} -m 48m --cpus 0.5 --pids-limit 20 ${image} sh -c "echo >/meet/$1; ${meets.replaceAll('$', '\\$')}
          echo $1 saw \\$(ls /meet | wc -l); echo $1 complains >&2; exit $2" >/tmp/$1.out 2>/tmp/$1.err
        echo $? >/tmp/$1.code
      }
      check one 0 & check two 3 & check three 7 & wait
      for name in one two three; do cat /tmp/$name.code /tmp/$name.out /tmp/$name.err; done
      isopod ps -aq | wc -l
      [ $(cat /tmp/one.code) = 0 ] && exit 42`;
    const { code, stdout, stderr } = await job.script(script);
    expect(stderr).toBe('');
    const told = (name: string, ended: number) => `${ended}\n${name} saw 3\n${name} complains\n`;
    expect(stdout).toBe(`${told('one', 0)}${told('two', 3)}${told('three', 7)}1\n`);
    expect(code).toBe(42);
    await host.expect(['rm', '-f', 'job']);
    expect(await host.list()).toEqual([]);
  });

  test('cases that ask for more processes than their job has share what it was given', async () => {
    const grant = 60;
    const job = await DelegatedJob.start(host, 'job', ['--pids-limit', String(grant)]);
    const { uid } = await host.inspect('job');
    // The fork that is refused ends the shell in the brackets. Afterwards it is busy, for a sleep is a process.
    const forks = (name: string, other: string) => `echo 0 >/meet/${name}
      (until [ -e /meet/go ]; do sleep 0.1; done
       i=0; while [ $i -lt 200 ]; do sleep 1000 & i=$((i+1)); echo $i >/meet/${name}; done)
      echo >/meet/${name}.done; until [ -e /meet/${other}.done ] && [ -e /meet/looked ]; do :; done`;
    const launch = (name: string, other: string) =>
      `isopod run -d ${below(name)} --pids-limit 1000 ${image} sh -c '${forks(name, other)}' >/dev/null || exit 1`;
    const running = job.script(`${launch('a', 'b')}; ${launch('b', 'a')}; echo >/meet/go
      until [ -e /meet/a.done ] && [ -e /meet/b.done ]; do :; done; echo >/meet/full
      until [ -e /meet/looked ]; do :; done; isopod wait job/a job/b >/tmp/ends || exit 2; cat /meet/a /meet/b`);
    const { sandboxDir } = await host.inspect('job');
    const full = join(sandboxDir, 'meet', 'full');
    await expect.poll(() => existsSync(full), { timeout: 120_000, interval: 100 }).toBe(true);
    const counted = host.view
      .groups()
      .filter((group) => group.endsWith(`/containers/${uid}`) && existsSync(join(group, 'pids.current')))
      .map((group) => Number(readFileSync(join(group, 'pids.current'), 'utf8')));
    expect(await limitsOf('job/a')).toMatchObject({ pidsLimit: 1000 });
    await host.expect(['update', '--pids-limit', '300', 'job']);
    await host.expect(['exec', 'job', 'sh', '-c', 'echo >/meet/looked']);
    const { code, stdout, stderr } = await running;
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(counted).toHaveLength(1);
    expect(counted[0]).toBeLessThanOrEqual(grant);
    const forked = stdout.trim().split('\n').map(Number);
    expect(forked).toHaveLength(2);
    const sum = forked.reduce((one, other) => one + other, 0);
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThan(grant);
  });

  test('a case that asks for more memory than its job has is killed at what is left, alone', async () => {
    const job = await DelegatedJob.start(host, 'job', ['-m', '256m']);
    const script = `isopod run ${below('hog')} -m 4g ${image} sh -c 'exec busybox tail /dev/zero'; echo $?
      isopod run --rm ${below('after')} ${image} echo after`;
    const { stdout } = await job.script(script);
    expect(stdout).toBe('137\nafter\n');
    expect(await limitsOf('job/hog')).toMatchObject({ memoryLimitBytes: 4 * 2 ** 30 });
    const { termination } = await host.inspect('job/hog');
    expect(termination).toMatchObject({ reason: 'limitation', exitStatus: { kind: 'signaled', signal: 9 } });
    expect((await host.inspect('job')).state).toBe('running');
  });

  test('a job goes on with the agent that follows one that was killed', async () => {
    const job = await DelegatedJob.start(host, 'job', []);
    await host.killAgent();
    await host.startAgent();
    const { stdout, stderr } = await job.script(`isopod run --rm ${below('late')} ${image} echo still`);
    expect([stdout, stderr]).toEqual(['still\n', '']);
  });
});
