import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';
import { expectRefused } from './support/refusals.ts';

const MIB = 1 << 20;
const SLEEP = 'exec sleep 1000';
/** Waits for the end of a line that has none, and holds what has come so far. */
const HOG = 'exec tail /dev/zero';

let host: IsopodHost;
beforeAll(async () => {
  host = await IsopodHost.make();
  await host.startAgent();
});
afterAll(() => host.close());
afterEach(() => host.removeAll());

const launch = (name: string, parent?: string, request: Readonly<Record<string, unknown>> = {}) =>
  host.launchScript(name, SLEEP, { ...request, ...(parent === undefined ? {} : { parent }) });
const states = async (): Promise<Readonly<Record<string, string>>> => {
  const { body } = await host.api.call('GET', '/v1/containers');
  return Object.fromEntries((body as { path: string; state: string }[]).map(({ path, state }) => [path, state]));
};

/** `r`, with `n2` in it, with `n3` in that, … @returns the path of each */
async function tower(depth: number): Promise<readonly string[]> {
  const paths = ['r'];
  await launch('r');
  for (let level = 2; level <= depth; level++) {
    await launch(`n${level}`, paths.at(-1));
    paths.push(`${paths.at(-1)}/n${level}`);
  }
  return paths;
}

test('32 levels deep: a session at the bottom; the middle is killed: what is below ends, what is above goes on', async () => {
  const paths = await tower(32);
  const [bottom = '', middle = '', above = ''] = [paths[31], paths[15], paths[14]];
  expect(await host.expect(['exec', bottom, 'sh', '-c', 'echo "bottom $$"'])).toMatch(/^bottom [0-9]+$/);
  const words = ['run', '--name', 'more', '--parent', bottom, '--no-image', 'true'];
  await expectRefused(host, () => host.run(words), {
    ...{ code: 125, says: [`container ${bottom}/more would be number 33`, 'the kernel takes at most 32'] },
  });
  await host.expect(['kill', '-s', 'KILL', middle]);
  await Promise.all(paths.slice(15).map((path) => host.wait(encodeURIComponent(path))));
  expect(Object.values(await states()).filter((state) => state === 'running')).toHaveLength(15);
  const { termination } = await host.inspect(bottom);
  expect(termination).toMatchObject({ reason: 'parent-ended', message: expect.stringContaining('which it lived in') });
  expect(await host.expect(['exec', above, 'echo', 'on'])).toBe('on');
  await host.expect(['rm', '-f', 'r']);
  await until('nothing is left', () => host.containerRemains().length === 0);
});

test('an agent that is killed is followed by one that finds who lives in whom, and what ended with its parent meanwhile', async () => {
  const paths = await tower(4);
  const before = await Promise.all(paths.map((path) => host.inspect(path)));
  await host.killAgent();
  await host.startAgent();
  const after = await Promise.all(paths.map((path) => host.inspect(path)));
  const shown = ({ uid, pid, state }: (typeof after)[number]) => ({ uid, pid, state });
  expect(after.map(shown)).toEqual(before.map(shown));
  expect(await host.expect(['exec', paths[3] ?? '', 'echo', 'there'])).toBe('there');
  await host.killAgent();
  process.kill(after[1]?.pid ?? 0, 'SIGKILL');
  await until('the processes below are gone', () => after.slice(1).every(({ pid }) => !isThere(pid)));
  await host.startAgent();
  expect(Object.values(await states())).toEqual(['running', 'terminated', 'terminated', 'terminated']);
  const { termination } = await host.inspect(paths[3] ?? '');
  expect(termination).toMatchObject({ reason: 'parent-ended', exitStatus: { kind: 'signaled', signal: 9 } });
});

test('the usage of a container holds that of those that live in it, and each has its own', async () => {
  await launch('web');
  const fill = 'x=$(head -c 20000000 /dev/zero | tr "\\0" a); sleep 1000 & wait';
  await host.launchScript('db', fill, { parent: 'web' });
  type Stats = { containers: { name: string; usage: Record<string, number> }[] };
  // Each is read at its own moment, and the child's shell has helpers at first: it is looked at until it stands still.
  await until('the parent holds more than the child, which holds its text', async () => {
    const { containers } = await host.api.expect<Stats>('GET', '/v1/stats');
    const [web, db] = ['web', 'web/db'].map((name) => containers.find((one) => one.name === name)?.usage);
    const has = (what: string, least: number): boolean =>
      (db?.[what] ?? 0) >= least && (web?.[what] ?? 0) > (db?.[what] ?? 0);
    return has('memoryBytes', 19 * MIB) && has('pids', 1);
  });
});

test('a container that runs out of its own memory ends alone', async () => {
  await launch('web', undefined, { resources: { memoryLimitBytes: 64 * MIB } });
  await host.launchScript('hog', HOG, { parent: 'web', resources: { memoryLimitBytes: 16 * MIB } });
  expect(await host.wait('web%2Fhog')).toMatchObject({
    ...{
      reason: 'limitation',
      limitations: [{ message: expect.stringContaining('the memory limit of 16 MiB was hit') }],
    },
  });
  expect(await host.inspect('web')).toMatchObject({ state: 'running', limitations: [] });
});

test('the memory of its parent bounds what has no limit of its own', async () => {
  await launch('web', undefined, { resources: { memoryLimitBytes: 24 * MIB } });
  await host.launchScript('hog', HOG, { parent: 'web' });
  expect(await host.wait('web%2Fhog')).toMatchObject({
    ...{ reason: 'limitation', message: expect.stringContaining('or in a container around it') },
  });
});

test('a pause reaches all that lives in a container', async () => {
  const paths = await tower(3);
  await host.expect(['pause', 'r']);
  expect(Object.values(await states())).toEqual(['paused', 'paused', 'paused']);
  const { uid } = await host.inspect(paths[2] ?? '');
  const frozen = host.view.groups().filter((path) => path.endsWith(uid) && isFile(join(path, 'cgroup.events')));
  for (const path of frozen) expect(readFileSync(join(path, 'cgroup.events'), 'utf8')).toContain('frozen 1');
  await expectRefused(host, () => host.run(['exec', paths[2] ?? '', 'true']), { code: 125, says: ['paused'] });
  await expectRefused(host, () => host.run(['stop', 'r/n2']), {
    code: 1,
    says: ['stands still with r', 'isopod unpause r'],
  });
  await host.expect(['unpause', 'r']);
  expect(await host.expect(['exec', paths[2] ?? '', 'echo', 'on'])).toBe('on');
  await host.expect(['pause', 'r']);
  await host.expect(['rm', '-f', 'r']);
  expect(await states()).toEqual({});
});

test('a stop reaches what lives in a container first, by its own stop signal', async () => {
  const trap = (name: string) =>
    `trap 'echo ${name} >>"$1"; exit 0' TERM; : >"$1.${name}"; while :; do sleep 0.1; done`;
  const file = host.flag();
  const run = (name: string, request: object) =>
    host.launch({ name, command: ['/bin/sh', '-c', trap(name), 'sh', file], ...request });
  await run('web', {});
  await run('db', { parent: 'web' });
  await until('both wait for their signal', () => ['web', 'db'].every((name) => isFile(`${file}.${name}`)));
  await host.expect(['stop', '-t', '30', 'web']);
  expect(readFileSync(file, 'utf8')).toBe('db\nweb\n');
});

test('without its monitor a container is ended alone, and without that of its parent with it', async () => {
  const paths = await tower(3);
  const [, middle = '', bottom = ''] = await Promise.all(paths.map(async (path) => (await host.inspect(path)).uid));
  await host.killMonitor(bottom);
  expect(await host.wait(bottom)).toMatchObject({ reason: 'lost' });
  await launch('other', paths[1]);
  await host.killMonitor(middle);
  expect(await host.wait(middle)).toMatchObject({ reason: 'lost' });
  expect(await host.wait(encodeURIComponent('r/n2/other'))).toMatchObject({ reason: 'parent-ended' });
  expect((await states()).r).toBe('running');
});

test('what lives in a container with the processes of the host ends with it, too', async () => {
  await launch('web', undefined, { namespaces: { pid: { kind: 'host' } } });
  await launch('db', 'web');
  await host.expect(['kill', '-s', 'KILL', 'web']);
  expect(await host.wait('web%2Fdb')).toMatchObject({ reason: 'parent-ended' });
});

function isFile(path: string): boolean {
  try {
    return readFileSync(path) !== undefined;
  } catch {
    return false;
  }
}

function isThere(pid: number | null): boolean {
  return isFile(`/proc/${pid}/stat`);
}
