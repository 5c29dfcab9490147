import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isAlive } from '../support/instance-view.ts';
import { Installation, until } from './support/installation.ts';

/** A shell that leaves a daemon with a session of its own behind; both tell their pids. */
const DAEMON = '(setsid sh -c "echo \\$\\$; exec sleep 1000" &); echo $$; exec sleep 1000';

let isopod: Installation;
beforeAll(async () => {
  isopod = new Installation();
  isopod.start(['agent', '--launcher', 'posix']);
  await until('the agent listens', () => existsSync(join(isopod.state, 'agent.sock')));
});
afterAll(() => isopod.close());

test('with the launcher posix a signal to all reaches those in sessions of their own, too', async () => {
  const uid = await isopod.expect(['run', '-d', '--no-image', 'sh', '-c', DAEMON]);
  const pids = async () => (await isopod.expect(['logs', uid])).split('\n').filter(Boolean).map(Number);
  await until('both have told their pids', async () => (await pids()).length === 2);
  const told = await pids();
  expect(told.filter(isAlive)).toHaveLength(2);
  await isopod.expect(['kill', '--all', '-s', 'TERM', uid]);
  expect(await isopod.expect(['wait', uid])).toBe('143');
  await until('both have ended', () => !told.some(isAlive));
  await isopod.expect(['rm', uid]);
});
