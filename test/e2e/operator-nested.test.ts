import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';
import { JSON_TYPE, OperatorClient, printed, RECORDS, recordsOf, stdin } from './support/operator-client.ts';

let host: IsopodHost;
beforeAll(async () => {
  host = await IsopodHost.make();
  await host.startAgent();
});
afterAll(() => host.close());
afterEach(() => host.removeAll());

const client = new OperatorClient(() => join(host.state, 'agent.sock'));
const SLEEP = 'exec sleep 1000';

interface Id {
  readonly value: string;
  readonly parent?: Id;
}

/** `web.db` as the API writes it. */
const id = (text: string): Id =>
  text
    .split('.')
    .slice(1)
    .reduce<Id>((parent, value) => ({ value, parent }), { value: text.split('.')[0] ?? '' });
const named = (text: string) => ({ container_id: id(text) });
const launch = (text: string, script = SLEEP, fields: object = {}) =>
  client.call('LAUNCH_CONTAINER', { ...named(text), command: { value: script }, ...fields });
const linux = (info: object) => ({ container: { type: 'MESOS', linux_info: info } });
const memory = (mebibytes: number) => [{ name: 'mem', type: 'SCALAR', scalar: { value: mebibytes } }];
const session = (text: string, script: string, container: object = {}, headers = {}) =>
  client.stream(
    'LAUNCH_NESTED_CONTAINER_SESSION',
    { ...named(text), command: { value: script }, container: { type: 'MESOS', ...container } },
    headers,
  );
const outputOf = async (text: string, script: string, container: object = {}): Promise<string> =>
  printed(recordsOf((await (await session(text, script, container)).ended).text));
const groupsOf = async (path: string): Promise<string> =>
  readFileSync(`/proc/${(await host.inspect(path)).pid}/cgroup`, 'utf8');

test('the calls for nested containers do what they did before LAUNCH_CONTAINER took a parent', async () => {
  await launch('web');
  const nested = { ...named('web.db'), command: { value: SLEEP }, container: { type: 'MESOS' } };
  expect((await client.call('LAUNCH_NESTED_CONTAINER', nested)).status).toBe(200);
  expect((await client.call('LAUNCH_NESTED_CONTAINER', nested)).status).toBe(202);
  expect(await host.inspect('web/db')).toMatchObject({ state: 'running', path: 'web/db' });
  expect((await client.call('REMOVE_NESTED_CONTAINER', named('web.db'))).status).toBe(500);
  const waiting = client.ask('WAIT_NESTED_CONTAINER', named('web.db'));
  expect((await client.call('KILL_NESTED_CONTAINER', { ...named('web.db'), signal: 9 })).status).toBe(200);
  expect(await waiting).toMatchObject({ exit_status: 9 });
  expect(await client.ask('WAIT_NESTED_CONTAINER', named('web.db'))).toMatchObject({ exit_status: 9 });
  for (let time = 0; time < 2; time++) {
    expect((await client.call('REMOVE_NESTED_CONTAINER', named('web.db'))).status).toBe(200);
  }
  expect((await client.call('WAIT_NESTED_CONTAINER', named('web.db'))).status).toBe(404);
  expect((await host.inspect('web')).state).toBe('running');
});

test('containers are shown with those in them when that is asked for, and ids are whole', async () => {
  await launch('web');
  await launch('web.db');
  await launch('web.db.log');
  const shown = async (fields: object) => (await client.ask('GET_CONTAINERS', fields)).containers;
  expect(await shown({})).toMatchObject([named('web')]);
  const all = await shown({ show_nested: true });
  expect(all).toHaveLength(3);
  for (const text of ['web', 'web.db', 'web.db.log']) {
    expect(all).toContainEqual(
      expect.objectContaining({
        ...named(text),
        container_status: { ...named(text), executor_pid: expect.any(Number) },
        resource_statistics: expect.objectContaining({ timestamp: expect.any(Number) }),
      }),
    );
  }
  expect(await shown({ show_nested: true, show_standalone: false })).toEqual([]);
});

test('a signal reaches the command of a nested container that has no handler for it, and its parent stays', async () => {
  await launch('web');
  for (const [text, info] of [
    ['web.own', {}],
    ['web.same', { share_pid_namespace: true }],
  ] as const) {
    expect((await launch(text, SLEEP, linux(info))).status).toBe(200);
    const waiting = client.ask('WAIT_CONTAINER', named(text));
    expect((await client.call('KILL_CONTAINER', { ...named(text), signal: 15 })).status).toBe(200);
    expect(await waiting).toMatchObject({ exit_status: 15 });
  }
  expect((await host.inspect('web')).state).toBe('running');
});

test('one value may be under two parents, and the end of a parent ends what is in it', async () => {
  for (const text of ['web', 'api', 'web.db', 'api.db']) expect((await launch(text)).status).toBe(200);
  const waiting = client.ask('WAIT_CONTAINER', named('web.db'));
  expect((await client.call('KILL_CONTAINER', named('web'))).status).toBe(200);
  expect(await waiting).toMatchObject({ exit_status: 9, message: expect.stringContaining('which it lived in') });
  expect((await host.inspect('api/db')).state).toBe('running');
  await client.call('WAIT_CONTAINER', named('web'));
  expect((await client.call('REMOVE_CONTAINER', named('web'))).status).toBe(200);
  // What is in it has gone along, and so nothing of it can be removed.
  expect((await client.call('WAIT_CONTAINER', named('web.db'))).status).toBe(404);
  expect(await client.call('REMOVE_CONTAINER', named('web.db'))).toMatchObject({
    ...{ status: 500, text: expect.stringContaining('which it lived in') },
  });
});

test('a nested container shares the groups of its parent, until it is told otherwise or bounded', async () => {
  await launch('web', SLEEP, { resources: memory(64) });
  const memoryOf = async (path: string) =>
    (
      await host.api.expect<{ config: { resources: { memoryLimitBytes?: number } } }>(
        'GET',
        `/v1/containers/${encodeURIComponent(path)}`,
      )
    ).config.resources.memoryLimitBytes;
  await launch('web.shares');
  await launch('web.own', SLEEP, linux({ share_cgroups: false }));
  await launch('web.bounded', SLEEP, { resources: memory(32) });
  await launch('web.bounded.less', SLEEP, { resources: memory(16) });
  const [web, shares, own, less] = await Promise.all(
    ['web', 'web/shares', 'web/own', 'web/bounded/less'].map(groupsOf),
  );
  const memoryLine = (text = '') => /^\d+:(?:memory)?:(.*)$/m.exec(text)?.[1];
  expect(memoryLine(shares)).toBe(memoryLine(web));
  expect(memoryLine(own)).toContain('/nested/');
  expect(memoryLine(less)?.split('/nested/')).toHaveLength(3);
  expect(await Promise.all(['web', 'web/bounded', 'web/bounded/less'].map(memoryOf))).toEqual([
    ...[64 << 20, 32 << 20, 16 << 20],
  ]);
  const eater = 'exec tail /dev/zero';
  await launch('web.bounded.eater', eater, { resources: memory(12) });
  expect(await client.ask('WAIT_CONTAINER', named('web.bounded.eater'))).toMatchObject({
    ...{ exit_status: 9, reason: 'REASON_CONTAINER_LIMITATION_MEMORY', state: 'TASK_FAILED' },
  });
  expect((await host.inspect('web/bounded')).state).toBe('running');
});

test('processes, shared memory and a directory of the sandbox are those of the parent on request', async () => {
  await launch('web');
  const kinds = ['pid', 'ipc', 'net', 'uts'];
  const namespaces = async (path: string) => {
    const { pid } = await host.inspect(path);
    return kinds.map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`));
  };
  await launch('web.own', SLEEP, linux({ ipc_mode: 'PRIVATE', shm_size: 1 }));
  await launch('web.same', SLEEP, linux({ share_pid_namespace: true, ipc_mode: 'SHARE_PARENT' }));
  const [web, own, same] = [await namespaces('web'), await namespaces('web/own'), await namespaces('web/same')];
  expect(same).toEqual(web);
  expect(kinds.filter((_, index) => own[index] !== web[index])).toEqual(['pid', 'ipc']);
  const sandbox_path = { type: 'PARENT', path: 'box' };
  const volumes = [{ container_path: '/mnt', mode: 'RW', source: { type: 'SANDBOX_PATH', sandbox_path } }];
  const container = { container: { type: 'MESOS', volumes } };
  await launch('web.writes', 'echo hello >/mnt/a', container);
  expect(await client.ask('WAIT_CONTAINER', named('web.writes'))).toMatchObject({ exit_status: 0 });
  await launch('web.reads', 'grep -q hello /mnt/a', container);
  expect(await client.ask('WAIT_CONTAINER', named('web.reads'))).toMatchObject({ exit_status: 0 });
});

test('a session runs in its container, with what it prints, its end in the stream, and its id until it is removed', async () => {
  await launch('web', SLEEP, {
    command: { value: SLEEP, environment: { variables: [{ name: 'GREETING', value: 'hello' }] } },
  });
  const script = 'echo "$GREETING"; readlink /proc/self/ns/pid /proc/self/ns/mnt; echo late >&2; exit 5';
  const answer = await (await session('web.one', script)).ended;
  expect(answer).toMatchObject({ status: 200, type: JSON_TYPE });
  const records = recordsOf(answer.text);
  const { pid } = await host.inspect('web');
  const [greeting, ...links] = printed(records).trim().split('\n');
  expect(greeting).toBe('hello');
  expect(links).toEqual(expect.arrayContaining(['pid', 'mnt'].map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`))));
  expect(records.at(-1)).toEqual({ type: 'CONTROL', control: { type: 'EXITED', exited: { exit_status: 5 << 8 } } });
  expect(await client.ask('WAIT_NESTED_CONTAINER', named('web.one'))).toMatchObject({ exit_status: 5 << 8 });
  expect((await client.call('REMOVE_NESTED_CONTAINER', named('web.one'))).status).toBe(200);
  expect((await client.call('WAIT_CONTAINER', named('web.one'))).status).toBe(404);
});

test('a session takes input, shows itself, is launched once, and is killed by its id', async () => {
  await launch('web');
  const open = await session(
    'web.shell',
    'while read -r line; do echo "got $line"; done; echo over; exec sleep 1000',
    {},
    {
      ...{ accept: RECORDS, 'message-accept': JSON_TYPE },
    },
  );
  expect((await session('web.shell', 'true')).status).toBe(202);
  expect((await launch('web.shell')).status).toBe(400);
  const input = { type: 'CONTAINER_ID', ...named('web.shell') };
  expect((await client.input(input, stdin('one\n'))).status).toBe(200);
  await until('what was typed comes back', () => printed(recordsOf(open.text())).includes('got one'));
  const watching = await client.stream('ATTACH_CONTAINER_OUTPUT', named('web.shell'));
  expect((await client.input(input, stdin(''))).status).toBe(200);
  await until('its end of input is heard', () => printed(recordsOf(open.text())).includes('over'));
  const { containers } = await client.ask('GET_CONTAINERS', { show_nested: true });
  expect(containers).toContainEqual({
    ...named('web.shell'),
    container_status: { ...named('web.shell'), executor_pid: expect.any(Number) },
  });
  expect((await client.call('REMOVE_CONTAINER', named('web.shell'))).status).toBe(500);
  expect((await client.call('KILL_NESTED_CONTAINER', named('web.shell'))).status).toBe(200);
  expect((await open.ended).type).toBe(RECORDS);
  expect(printed(recordsOf((await watching.ended).text))).toContain('over');
  expect(await client.ask('WAIT_CONTAINER', named('web.shell'))).toMatchObject({ exit_status: 9 });
});

test('a session has a terminal of the size that is asked for', async () => {
  await launch('web');
  const tty_info = { window_size: { rows: 33, columns: 77 } };
  expect(await outputOf('web.term', 'stty size; test -t 0 && echo terminal', { tty_info })).toBe(
    '33 77\r\nterminal\r\n',
  );
});

test('a session ends when its client leaves, and when the agent dies', async () => {
  await launch('web');
  const pidOf = async (text: string) => {
    const { containers } = await client.ask('GET_CONTAINERS', { show_nested: true });
    const found = containers.find((one: { container_id: Id }) => one.container_id.value === text.split('.').at(-1));
    return found.container_status.executor_pid as number;
  };
  const open = await session('web.one', SLEEP);
  const first = await pidOf('web.one');
  open.leave();
  await until('the process of the session is gone', () => !existsSync(`/proc/${first}`));
  expect(await client.ask('WAIT_CONTAINER', named('web.one'))).toMatchObject({ exit_status: 9 });
  const other = await session('web.two', SLEEP);
  const second = await pidOf('web.two');
  await host.killAgent();
  await other.ended.catch(() => {}); // cut
  await host.startAgent();
  await until('the process of the session is gone', () => !existsSync(`/proc/${second}`));
  expect((await host.inspect('web')).state).toBe('running');
});

test('sessions end with their container', async () => {
  await launch('web');
  const open = await session('web.one', SLEEP);
  await client.call('KILL_CONTAINER', named('web'));
  expect(recordsOf((await open.ended).text).at(-1)).toMatchObject({
    control: { type: 'EXITED', exited: { exit_status: 9 } },
  });
});

describe.skipIf(!existsSync('/bin/busybox'))('a session with an image (busybox)', () => {
  test('brings its tools to the processes of its container', async () => {
    const image = host.busyboxImage();
    await host.expect(['pull', image]);
    await launch('web');
    const { pid } = await host.inspect('web');
    const container = { mesos: { image: { type: 'DOCKER', docker: { name: image } } } };
    const script =
      'readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc; cat /proc/[0-9]*/cmdline | tr "\\0" " "; ls /';
    const text = await outputOf('web.tools', script, container);
    for (const kind of ['pid', 'ipc']) expect(text).toContain(readlinkSync(`/proc/${pid}/ns/${kind}`));
    expect(text).toContain('sleep 1000');
    expect(text).not.toContain('boot');
    expect(await client.ask('WAIT_CONTAINER', named('web.tools'))).toMatchObject({ exit_status: 0 });
    const open = await session('web.cat', 'cat; exec sleep 1000', container);
    const input = { type: 'CONTAINER_ID', ...named('web.cat') };
    expect((await client.input(input, stdin('typed'), stdin(''))).status).toBe(200);
    await until('what was typed comes back', () => printed(recordsOf(open.text())).includes('typed'));
    const { pid: tools } = await host.inspect('web/cat');
    open.leave();
    await until('its process is gone', () => !existsSync(`/proc/${tools}`));
  });
});

test.each([
  ['a parent that is not there', () => launch('nobody.db'), 400],
  ['a nested container without a parent', () => client.call('LAUNCH_NESTED_CONTAINER', named('web')), 400],
  ['bounds in the older call', () => client.call('LAUNCH_NESTED_CONTAINER', { ...named('a.b'), resources: [] }), 400],
  ['a wait for what was never there', () => client.call('WAIT_NESTED_CONTAINER', named('a.b')), 404],
  ['a kill of what was never there', () => client.call('KILL_NESTED_CONTAINER', named('a.b')), 404],
  ['a removal in what was never there', () => client.call('REMOVE_NESTED_CONTAINER', named('a.b')), 500],
  ['a session nowhere', async () => (await session('nobody.one', 'true')).ended, 400],
  [
    'a session with groups of its own',
    async () => (await session('a.b', 'true', { linux_info: { share_cgroups: false } })).ended,
    400,
  ],
] as const)('%s is answered with its status', async (_name, send, status) => {
  const answer = await send();
  expect(answer).toMatchObject({ status, type: 'text/plain; charset=utf-8' });
  expect(answer.text).not.toBe('');
});
