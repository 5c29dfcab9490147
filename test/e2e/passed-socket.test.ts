/** An agent that is given its socket, as systemd gives it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Installation } from './support/installation.ts';

let isopod: Installation;
let socketPath: string;
beforeEach(() => {
  isopod = new Installation();
  socketPath = join(isopod.state, 'agent.sock');
  mkdirSync(isopod.state, { recursive: true });
});
afterEach(() => isopod.close());

/** The service manager binds the socket and accepts nothing; who is started gets it as descriptor 3. */
async function startAgent(): Promise<ChildProcess> {
  const manager = createServer();
  await new Promise<void>((resolve) => manager.listen(socketPath, resolve));
  const { fd } = (manager as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const line = `LISTEN_PID=$$ LISTEN_FDS=1 exec "${isopod.command}" agent`;
  const agent = spawn('sh', ['-c', line], { env: isopod.env, stdio: ['ignore', 'inherit', 'inherit', fd] });
  // Node would accept connections itself, and removes what it listened at when it stops.
  renameSync(socketPath, `${socketPath}.kept`);
  await new Promise((resolve) => manager.close(resolve));
  renameSync(`${socketPath}.kept`, socketPath);
  return agent;
}

test('an agent serves on the socket that it was given, and leaves it when it ends', async () => {
  const agent = await startAgent();
  const before = statSync(socketPath).ino;
  const ended = new Promise((resolve) => agent.once('exit', resolve));
  expect(await isopod.expect(['ps', '-q'])).toBe('');
  expect(await isopod.agentPid()).toBe(agent.pid);
  agent.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(statSync(socketPath).ino).toBe(before);
});
