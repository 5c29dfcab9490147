import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Installation, until } from './support/installation.ts';
import {
  type Answer,
  JSON_TYPE,
  OperatorClient,
  printed,
  RECORDS,
  recordsOf,
  stdin,
} from './support/operator-client.ts';

let isopod: Installation;
beforeAll(async () => {
  isopod = new Installation();
  await isopod.expect(['version']);
});
afterEach(async () => {
  const uids = (await isopod.expect(['ps', '-aq'])).split('\n').filter(Boolean);
  if (uids.length > 0) await isopod.expect(['rm', '-f', ...uids]);
});
afterAll(() => isopod.close());

const client = new OperatorClient(() => join(isopod.state, 'agent.sock'));
const post = client.post.bind(client);
const call = client.call.bind(client);
const input = client.input.bind(client);
const launch = (value: string, script: string): Promise<Answer> =>
  call('LAUNCH_CONTAINER', { container_id: { value }, command: { value: script }, container: { type: 'MESOS' } });

test('a container is launched, seen, killed, waited for and removed as the operator API documents it', async () => {
  const id = { container_id: { value: 'web' } };
  expect((await launch('web', 'sleep 100')).status).toBe(200);
  expect((await launch('web', 'sleep 100')).status).toBe(202);
  const { containers } = JSON.parse((await call('GET_CONTAINERS', {})).text).get_containers;
  expect(containers).toMatchObject([
    {
      ...id,
      container_status: { ...id, executor_pid: expect.any(Number) },
      resource_statistics: { processes: expect.any(Number) },
    },
  ]);
  expect(JSON.parse((await call('GET_CONTAINERS', { show_standalone: false })).text).get_containers.containers).toEqual(
    [],
  );
  expect(await call('REMOVE_CONTAINER', id)).toMatchObject({ status: 500 });
  const waiting = call('WAIT_CONTAINER', id);
  expect((await call('KILL_CONTAINER', id)).status).toBe(200);
  expect(JSON.parse((await waiting).text)).toMatchObject({
    type: 'WAIT_CONTAINER',
    wait_container: { exit_status: 9 },
  });
  expect((await call('KILL_CONTAINER', id)).status).toBe(404);
  expect([(await call('REMOVE_CONTAINER', id)).status, (await call('REMOVE_CONTAINER', id)).status]).toEqual([
    200, 200,
  ]);
  expect((await call('WAIT_CONTAINER', id)).status).toBe(404);
  expect((await call('KILL_CONTAINER', id)).status).toBe(404);
});

test('a signal reaches a command that has no handler for it, and what the command leaves behind is reaped', async () => {
  const id = { container_id: { value: 'web' } };
  expect((await launch('web', '(true &); (sleep 0.1 &); exec sleep 1000')).status).toBe(200);
  const { containers } = JSON.parse((await call('GET_CONTAINERS', {})).text).get_containers;
  const { executor_pid: pid } = containers[0].container_status;
  const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  await until('only the command is left', () => children().length === 1 && commandOf(children()[0]) === 'sleep 1000');
  const waiting = call('WAIT_CONTAINER', id);
  expect((await call('KILL_CONTAINER', { ...id, signal: 15 })).status).toBe(200);
  expect(JSON.parse((await waiting).text).wait_container).toMatchObject({ exit_status: 15 });
  expect((await launch('again', 'exit 143')).status).toBe(200);
  const again = await call('WAIT_CONTAINER', { container_id: { value: 'again' } });
  expect(JSON.parse(again.text).wait_container).toMatchObject({ exit_status: 143 << 8 });
});

function commandOf(pid = ''): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
}

test('the end tells the wait status, and the limit that was hit', async () => {
  await launch('seven', 'exit 7');
  const wait = async (value: string) =>
    JSON.parse((await call('WAIT_CONTAINER', { container_id: { value } })).text).wait_container;
  expect(await wait('seven')).toMatchObject({ exit_status: 7 << 8 });
  await call('LAUNCH_CONTAINER', {
    container_id: { value: 'eater' },
    command: { value: 'exec python3 -c "x = bytearray(200 << 20)"' },
    container: { type: 'MESOS' },
    resources: [{ name: 'mem', type: 'SCALAR', scalar: { value: 32 } }],
  });
  expect(await wait('eater')).toMatchObject({
    ...{ exit_status: 9, state: 'TASK_FAILED', reason: 'REASON_CONTAINER_LIMITATION_MEMORY' },
    message: expect.stringContaining('memory'),
  });
});

const named = (value: string) => ({ type: 'CONTAINER_ID', container_id: { value } });
test('two clients see what a third one types, an empty record ends stdin, and the end is in the stream', async () => {
  await launch('cat', 'while read -r line; do echo "got $line"; done; echo over >&2; exit 3');
  // Whoever has the head of the answer is attached.
  const watch = (headers = {}) => client.stream('ATTACH_CONTAINER_OUTPUT', { container_id: { value: 'cat' } }, headers);
  const outputs = await Promise.all([watch(), watch({ accept: RECORDS, 'message-accept': JSON_TYPE })]);
  const type = async (text: string) => expect(await input(named('cat'), stdin(text))).toMatchObject({ status: 200 });
  await type('one\n');
  await type('two\n');
  await type('');
  const [plain, framed] = await Promise.all(outputs.map(({ ended }) => ended));
  expect([plain?.type, framed?.type]).toEqual([JSON_TYPE, RECORDS]);
  for (const answer of [plain, framed]) {
    const records = recordsOf(answer?.text ?? '');
    expect(printed(records.filter(({ data }) => data?.type === 'STDOUT'))).toBe('got one\ngot two\n');
    expect(records.at(-1)).toEqual({ type: 'CONTROL', control: { type: 'EXITED', exited: { exit_status: 3 << 8 } } });
    expect(records.find(({ data }) => data?.type === 'STDERR')).toBeDefined();
  }
});

test('a terminal takes its size from the stream', async () => {
  const script = 'trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.1; done';
  await call('LAUNCH_CONTAINER', {
    container_id: { value: 'term' },
    command: { value: script },
    container: { type: 'MESOS', tty_info: { window_size: { rows: 10, columns: 20 } } },
  });
  const output = await client.stream('ATTACH_CONTAINER_OUTPUT', { container_id: { value: 'term' } });
  await isopod.shell('until isopod logs term | grep -q ready; do :; done');
  const size = { type: 'CONTROL', control: { type: 'TTY_INFO', tty_info: { window_size: { rows: 33, columns: 77 } } } };
  expect((await input(named('term'), { type: 'PROCESS_IO', process_io: size })).status).toBe(200);
  expect(printed(recordsOf((await output.ended).text))).toContain('33 77');
});

test.each([
  ['a method that is none', () => client.exchange('GET', '', {}), 405],
  ['no type', () => post('{}'), 400],
  ['no JSON', () => post('{'), 400],
  ['a type that nobody knows', () => call('MAKE_COFFEE'), 501],
  ['a field of another call', () => post('{"type":"GET_HEALTH","get_flags":{}}'), 400],
  ['protobuf', () => post('x', { 'content-type': 'application/x-protobuf' }), 415],
  ['input that is no stream', () => call('ATTACH_CONTAINER_INPUT', named('web')), 415],
  ['a plain call as records', () => post('{"type":"GET_HEALTH"}', { 'content-type': JSON_TYPE, accept: RECORDS }), 406],
  ['input before it is said for whom', () => input(stdin('x')), 400],
  [
    'output of a container that is not there',
    () => call('ATTACH_CONTAINER_OUTPUT', { container_id: { value: 'nobody' } }),
    404,
  ],
  ['input for a container that is not there', () => input(named('nobody')), 404],
  [
    'what is nested nowhere',
    () => call('WAIT_CONTAINER', { container_id: { value: 'a', parent: { value: 'b' } } }),
    404,
  ],
  [
    'a command that is not there',
    () => call('LAUNCH_CONTAINER', { container_id: { value: 'no' }, command: { shell: false, value: '/none' } }),
    400,
  ],
] as const)('%s is answered with its status', async (_name, send, status) => {
  const answer = await send();
  expect(answer).toMatchObject({ status, type: 'text/plain; charset=utf-8' });
  expect(answer.text).not.toBe('');
});

test('the agent tells its health, its version and its flags', async () => {
  const told = await Promise.all(['GET_HEALTH', 'GET_VERSION', 'GET_FLAGS'].map((type) => call(type)));
  const [health, version, flags] = told.map(({ text }) => JSON.parse(text));
  expect(health).toEqual({ type: 'GET_HEALTH', get_health: { healthy: true } });
  expect(version.get_version.version_info.version).toMatch(/^\d/);
  expect(flags.get_flags.flags).toContainEqual({ name: 'root', value: isopod.root });
});
