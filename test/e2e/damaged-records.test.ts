import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isAlive } from '../support/instance-view.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';

let isopod: IsopodHost;
beforeAll(async () => {
  isopod = await IsopodHost.make();
});
afterAll(() => isopod.close());

const SLEEPS = 'exec sleep 1000';
/** Bytes that are left of a file that was torn. */
const TORN_BYTES = 20;

test('an agent whose records were damaged while it was away opens, names them in its log, and has all other containers', async () => {
  await isopod.agentPid();
  const uids = new Map<string, string>();
  for (const name of ['whole', 'torn', 'planless', 'vague']) uids.set(name, await isopod.launchScript(name, SLEEPS));
  uids.set('over', await isopod.launchScript('over', 'exit 7'));
  await isopod.wait('over');
  const uid = (name: string): string => uids.get(name) ?? '';
  const lasting = (name: string, file: string): string => join(isopod.root, 'containers', uid(name), file);
  const passing = (name: string, file: string): string => join(isopod.state, 'c', uid(name), file);
  await until('the end is recorded', () => existsSync(lasting('over', 'termination.json')));
  // With the note of its monitor its end would still be known.
  await until('what is of this boot is gone', () => !existsSync(passing('over', 'status')));
  const before = await isopod.list();
  await isopod.killAgent();
  truncateSync(lasting('torn', 'config.json'), TORN_BYTES);
  writeFileSync(passing('planless', 'plan.json'), '');
  rmSync(passing('vague', 'process.json'), { force: true });
  mkdirSync(passing('vague', 'process.json'));
  writeFileSync(lasting('over', 'termination.json'), '{"schemaVersion":2}\n');

  await isopod.agentPid();
  const pidOf = (name: string): number => before.find((one) => one.name === name)?.pid ?? 0;
  expect(await isopod.inspect('whole')).toMatchObject({ state: 'running', pid: pidOf('whole') });
  expect(await isopod.inspect('vague')).toMatchObject({ state: 'running', pid: pidOf('vague') });
  const killed = { reason: 'killed', exitStatus: { kind: 'signaled', signal: 9 } };
  expect(await isopod.inspect('planless')).toMatchObject({ state: 'terminated', termination: killed });
  expect(await isopod.inspect('over')).toMatchObject({ state: 'terminated', termination: { reason: 'lost' } });
  expect((await isopod.list()).map(({ name }) => name).sort()).toEqual(['over', 'planless', 'vague', 'whole']);
  await until('what nobody can reach has ended', () => !isAlive(pidOf('torn')) && !isAlive(pidOf('planless')));
  expect(readFileSync(lasting('torn', 'config.json'), 'utf8')).toHaveLength(TORN_BYTES);
  const log = (): string => readFileSync(join(isopod.state, 'agent.log'), 'utf8');
  for (const file of [
    lasting('torn', 'config.json'),
    passing('planless', 'plan.json'),
    passing('vague', 'process.json'),
    lasting('over', 'termination.json'),
  ]) {
    // Lines are written a little later than they are said.
    await until(`the log names ${file}`, () => log().includes(`damaged ${file}`));
  }
  const { stdout } = await isopod.run(['doctor', '--json']);
  const checks: readonly { what: string; ok: boolean; found: string }[] = JSON.parse(stdout);
  const records = checks.find(({ what }) => what === 'records of containers');
  expect(records).toMatchObject({ ok: false, found: expect.stringContaining(lasting('torn', 'config.json')) });
  // The files of one that cannot be read are a person's to remove.
  rmSync(join(isopod.root, 'containers', uid('torn')), { recursive: true });
  rmSync(join(isopod.state, 'c', uid('torn')), { recursive: true });
}, 120_000);
