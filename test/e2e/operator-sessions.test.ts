import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { isAlive } from '../support/instance-view.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';
import { OperatorClient, printed, recordsOf } from './support/operator-client.ts';

let host: IsopodHost;
beforeAll(async () => {
  host = await IsopodHost.make();
  await host.startAgent();
});
afterAll(() => host.close());
afterEach(() => host.removeAll());

const client = new OperatorClient(() => join(host.state, 'agent.sock'));
const SLEEP = 'exec sleep 1000';
/** So many that some are over before their client is attached. */
const SESSIONS = 24;

const named = (value: string, parent?: string) => ({
  container_id: { value, ...(parent === undefined ? {} : { parent: { value: parent } }) },
});
const launch = (value: string, command: object = { value: SLEEP }) =>
  client.call('LAUNCH_CONTAINER', { ...named(value), command });
const session = (value: string, parent: string, script: string) =>
  client.stream('LAUNCH_NESTED_CONTAINER_SESSION', { ...named(value, parent), command: { value: script } });
const outputOf = async (value: string, parent: string, script: string): Promise<string> =>
  printed(recordsOf((await (await session(value, parent, script)).ended).text));

test('a session works in the directory of its container, which is its sandbox, with the variables of it', async () => {
  const file = host.flag();
  const variables = [{ name: 'MESOS_SANDBOX', value: '/told' }];
  await launch('web', { value: `pwd >${file}; touch seen; ${SLEEP}`, environment: { variables } });
  const { container_status } = (await client.ask('GET_CONTAINERS', {})).containers[0];
  await until('it works', async () => (await client.call('LIST_FILES', { path: 'web' })).text.includes('seen'));
  const [sandbox, directory, listed] = (await outputOf('one', 'web', 'echo "$MESOS_SANDBOX"; pwd; ls')).split('\n');
  expect(sandbox).toBe('/told');
  expect(directory).toBe(readFileSync(file, 'utf8').trim());
  expect(listed).toBe('seen');
  expect(container_status.executor_pid).toBeGreaterThan(0);
});

test('many sessions in one container each get their own output and end, and none hinders another', async () => {
  await launch('web');
  const numbers = Array.from({ length: SESSIONS }, (_, index) => index);
  const outputs = await Promise.all(
    numbers.map((number) => outputOf(`s${number}`, 'web', `echo "number ${number}"; exit ${number}`)),
  );
  expect(outputs).toEqual(numbers.map((number) => `number ${number}\n`));
  const ends = await Promise.all(numbers.map((number) => client.ask('WAIT_CONTAINER', named(`s${number}`, 'web'))));
  expect(ends.map(({ exit_status }) => exit_status)).toEqual(numbers.map((number) => number << 8));
});

test('a container that is killed while many sessions run in it ends, and they end with it', async () => {
  await launch('web');
  const open = await Promise.all(Array.from({ length: SESSIONS }, (_, index) => session(`s${index}`, 'web', SLEEP)));
  const { containers } = await client.ask('GET_CONTAINERS', { show_nested: true });
  const pids: number[] = containers.map(
    (one: { container_status: { executor_pid: number } }) => one.container_status.executor_pid,
  );
  expect(pids).toHaveLength(SESSIONS + 1);
  expect((await client.call('KILL_CONTAINER', named('web'))).status).toBe(200);
  expect(await client.ask('WAIT_CONTAINER', named('web'))).toMatchObject({ exit_status: 9 });
  for (const { ended } of open) {
    expect(recordsOf((await ended).text).at(-1)).toMatchObject({
      control: { type: 'EXITED', exited: { exit_status: 9 } },
    });
  }
  await until('no process of any is left', () => !pids.some(isAlive));
});

test('a container with a dot in its name is shown by an id that every call takes', async () => {
  await host.runDetached('web.1', SLEEP);
  const [{ container_id }] = (await client.ask('GET_CONTAINERS', {})).containers;
  expect(container_id).toEqual({ value: 'web.1' });
  expect(await outputOf('one', 'web.1', 'echo inside')).toBe('inside\n');
  const nested = { container_id: { value: 'db', parent: container_id }, command: { value: SLEEP } };
  expect((await client.call('LAUNCH_CONTAINER', nested)).status).toBe(200);
  expect((await client.call('LIST_FILES', { path: 'web.1.db' })).status).toBe(200);
  const watching = await client.stream('ATTACH_CONTAINER_OUTPUT', { container_id });
  expect(watching.status).toBe(200);
  expect((await client.call('KILL_CONTAINER', { container_id })).status).toBe(200);
  expect(await client.ask('WAIT_CONTAINER', { container_id })).toMatchObject({ exit_status: 9 });
  await watching.ended;
  expect((await client.call('REMOVE_CONTAINER', { container_id })).status).toBe(200);
  expect((await launch('web.2')).status).toBe(400);
});

test('how a session ended is known after a kill of the agent, until it is removed', async () => {
  await launch('web');
  await outputOf('one', 'web', 'exit 3');
  expect(await client.ask('WAIT_NESTED_CONTAINER', named('one', 'web'))).toMatchObject({ exit_status: 3 << 8 });
  await host.killAgent();
  await host.startAgent();
  expect(await client.ask('WAIT_NESTED_CONTAINER', named('one', 'web'))).toMatchObject({ exit_status: 3 << 8 });
  expect((await client.call('KILL_NESTED_CONTAINER', named('one', 'web'))).status).toBe(404);
  expect((await client.call('REMOVE_NESTED_CONTAINER', named('one', 'web'))).status).toBe(200);
  expect((await client.call('WAIT_NESTED_CONTAINER', named('one', 'web'))).status).toBe(404);
  expect(await outputOf('one', 'web', 'echo again')).toBe('again\n');
});
