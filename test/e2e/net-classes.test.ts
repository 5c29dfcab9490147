import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentApi } from '../support/agent-api.ts';
import { Installation, until } from './support/installation.ts';

/** The kernel has both, and nobody has mounted them: then they can be mounted where only our agent sees them. */
function canMountUnseen(): boolean {
  const lines = readFileSync('/proc/cgroups', 'utf8').split('\n');
  return ['net_cls', 'net_prio'].every((name) =>
    lines.some((line) => new RegExp(`^${name}\\t0\\t\\d+\\t1$`).test(line)),
  );
}

describe.skipIf(!canMountUnseen())('network classes, in an agent that alone sees their hierarchy', () => {
  const isopod = new Installation();
  const mountPoint = join(isopod.directory, 'net');
  let agent: ChildProcess;

  /** Two classes are all it has. @returns once it serves */
  async function startAgent(): Promise<void> {
    const script = [
      'set -e',
      'mount --make-rprivate /',
      `mount -t cgroup -o net_cls,net_prio none ${mountPoint}`,
      `exec ${isopod.command} agent --allow-namespaces --net-cls-handles 10:1-2`,
    ].join('\n');
    agent = spawn('unshare', ['-m', 'sh', '-c', script], { env: isopod.env, stdio: 'ignore' });
    await until('the agent serves', async () => {
      const api = new AgentApi(join(isopod.state, 'agent.sock'));
      try {
        return (await api.call('GET', '/v1/containers')).status === 200;
      } catch {
        return false;
      } finally {
        api.close();
      }
    });
  }

  /** Asks for a class of the agent. @returns what `run` said */
  const run = (name: string, ...options: readonly string[]) =>
    isopod.run(['run', '-d', '--name', name, '--no-image', ...options, '/bin/sleep', '1000']);

  /** What the kernel says of a container's group. */
  async function groupFile(name: string, file: string): Promise<string> {
    const [{ pid }] = JSON.parse(await isopod.expect(['inspect', name]));
    const group = /^\d+:net_cls,net_prio:(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
    return readFileSync(join(`/proc/${await isopod.agentPid()}/root${mountPoint}`, group ?? '', file), 'utf8');
  }

  beforeAll(async () => {
    mkdirSync(mountPoint);
    await startAgent();
  });
  afterAll(() => isopod.close());

  test('are given out, run out, are remembered after kill -9 of the agent, and become free', async () => {
    await isopod.expect(['run', '-d', '--name', 'one', '--no-image', '--net-cls', 'auto', '/bin/sleep', '1000']);
    await isopod.expect(['run', '-d', '--name', 'two', '--no-image', '--net-cls', 'auto', '/bin/sleep', '1000']);
    expect(await groupFile('one', 'net_cls.classid')).toBe(`${0x10_0001}\n`);
    expect(await groupFile('two', 'net_cls.classid')).toBe(`${0x10_0002}\n`);
    expect((await run('three', '--net-cls', 'auto')).stderr).toContain('all 2 network classes of the agent are in use');

    const ended = new Promise((resolve) => agent.once('exit', resolve));
    process.kill(await isopod.agentPid(), 'SIGKILL');
    await ended;
    await startAgent();
    expect((await run('three', '--net-cls', 'auto')).stderr).toContain('all 2 network classes of the agent are in use');

    await isopod.expect(['rm', '-f', 'one']);
    expect((await run('three', '--net-cls', 'auto')).code).toBe(0);
    expect(await groupFile('three', 'net_cls.classid')).toBe(`${0x10_0001}\n`);
  });

  test('may be named, with a priority on an interface of the host', async () => {
    await isopod.expect([
      ...['run', '-d', '--name', 'named', '--no-image', '--net-cls', '20:5', '--net-prio', 'lo:3'],
      ...['/bin/sleep', '1000'],
    ]);
    expect(await groupFile('named', 'net_cls.classid')).toBe(`${0x20_0005}\n`);
    expect(await groupFile('named', 'net_prio.ifpriomap')).toContain('lo 3\n');
    const { stderr } = await run('none', '--net-prio', 'nope0:3');
    expect(stderr).toContain('network interfaces nope0 were asked for, and this host has no nope0');
  });
});
