/** The agent as a service of systemd, used by the command line. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Installation, until } from '../e2e/support/installation.ts';
import { isAlive } from '../kernel/support/helper-client.ts';
import { AgentApi } from '../support/agent-api.ts';

const UNIT = `isopod-test-agent-${process.pid}.service`;

describe.skipIf(!existsSync('/run/systemd/system'))('an agent that systemd runs', () => {
  let isopod: Installation;
  beforeEach(() => {
    isopod = new Installation();
  });
  afterEach(async () => {
    await isopod.close();
    // It has ended with the agent, unless the agent did not end in order.
    execFileSync('sh', ['-c', `systemctl stop ${UNIT} 2>/dev/null; systemctl reset-failed ${UNIT} 2>/dev/null; true`]);
  });

  async function startAgent(): Promise<void> {
    const { root, state, command } = isopod;
    const environment = [`--setenv=ISOPOD_ROOT=${root}`, `--setenv=ISOPOD_STATE=${state}`];
    const words = ['--quiet', `--unit=${UNIT}`, '--property=Delegate=yes', '--property=KillMode=process'];
    execFileSync('systemd-run', [...words, ...environment, command, 'agent']);
    await until('the agent serves', async () => {
      const api = new AgentApi(join(state, 'agent.sock'));
      try {
        return (await api.call('GET', '/v1/containers')).status === 200;
      } catch {
        return false;
      } finally {
        api.close();
      }
    });
  }

  test('runs containers, which outlive a stop of the service, and the next start finds them', async () => {
    await startAgent();
    const { stdout, code } = await isopod.run(['run', '--rm', '-m', '64m', '--no-image', 'echo', 'hello']);
    expect({ stdout, code }).toEqual({ stdout: 'hello\n', code: 0 });
    await isopod.expect(['run', '-d', '--name', 'stays', '--no-image', 'sleep', '1000']);
    const [{ pid }] = JSON.parse(await isopod.expect(['inspect', 'stays']));
    expect(readFileSync(`/proc/${await isopod.agentPid()}/cgroup`, 'utf8')).toContain(`/system.slice/${UNIT}`);
    execFileSync('systemctl', ['stop', UNIT]);
    expect(isAlive(pid)).toBe(true);
    execFileSync('systemctl', ['reset-failed'], { stdio: 'ignore' });
    await startAgent();
    const [again] = JSON.parse(await isopod.expect(['inspect', 'stays']));
    expect(again.pid).toBe(pid);
  });
});
