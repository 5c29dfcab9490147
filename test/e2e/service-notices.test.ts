/** An agent that tells a service manager how it goes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NotifiedManager } from '../support/notified-manager.ts';
import { Installation } from './support/installation.ts';

let isopod: Installation;
let manager: NotifiedManager;
beforeEach(async () => {
  isopod = new Installation();
  mkdirSync(isopod.state, { recursive: true });
  manager = await NotifiedManager.listen(`@${isopod.directory}`);
});
afterEach(async () => {
  await isopod.close();
  manager.close();
});

function startAgent(): ChildProcess {
  const env = { ...isopod.env, NOTIFY_SOCKET: `@${isopod.directory}`, WATCHDOG_USEC: '2000000' };
  return spawn(isopod.command, ['agent'], { env, stdio: ['ignore', 'inherit', 'inherit'] });
}

test('it tells that it recovers, that it is ready, that it lives and that it ends, in its own name', async () => {
  const agent = startAgent();
  expect((await manager.next('READY=1')).pid).toBe(agent.pid);
  await isopod.expect(['run', '-d', '--no-image', '--', 'sleep', '1000']);
  await manager.next('STATUS=1 containers, 1 of them run');
  await manager.next('WATCHDOG=1');
  agent.kill('SIGTERM');
  await manager.next('STOPPING=1');
  const next = startAgent();
  await manager.next('STATUS=finds the containers of the agent before');
  expect((await manager.next('READY=1')).pid).toBe(next.pid);
});

test('it goes on to tell that it lives once another fork server has taken the place of a killed one', async () => {
  startAgent();
  await manager.next('READY=1');
  const [helper] = await forkServers();
  if (helper === undefined) throw new Error('no fork server was found');
  process.kill(helper, 'SIGKILL');
  await manager.next('WATCHDOG=1'); // it may have been on its way
  await manager.next('WATCHDOG=1');
  expect(await forkServers()).not.toContain(helper);
});

test('neither containers nor the fork server learn of the manager', async () => {
  startAgent();
  await manager.next('READY=1');
  expect(await isopod.expect(['run', '--rm', '--no-image', '--', 'env'])).not.toMatch(/NOTIFY_SOCKET|WATCHDOG|LISTEN_/);
  for (const pid of await forkServers()) expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('NOTIFY');
});

/** Those of this installation, by their socket. */
async function forkServers(): Promise<readonly number[]> {
  const { stdout } = await isopod.shell(`pgrep -f '^[^ ]+ fork-server .*${join(isopod.state, 'helper.sock')}'`);
  return stdout.split('\n').filter(Boolean).map(Number);
}
