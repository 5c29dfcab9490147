import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeRecord } from '../../src/faces/agent/operator/record-io.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';
import { JSON_TYPE, OperatorClient, printed, RECORDS, recordsOf } from './support/operator-client.ts';

/*
 * Requests in the very form in which the documentation of the operator API publishes them for agents (operator-http-api.md): headers, fields, their
 * order, and white space between them. The ids are ours.
 */

const ROOT = '0d1b26a2-6c4f-4e43-9a63-3d6a40c1f2b7';
const MIDDLE = '5e0f1d58-93c5-47a1-8f0a-2b9d4b1c7e60';
const CHILD = 'b3a7c9d1-20e4-4f5b-8a6c-7d8e9f0a1b2c';
const SESSION = 'c8f2e6b0-51d7-4a39-b4e8-6f7a8b9c0d1e';

let host: IsopodHost;
let client: OperatorClient;
beforeAll(async () => {
  host = await IsopodHost.make();
  await host.startAgent();
  client = new OperatorClient(() => join(host.state, 'agent.sock'));
  await host.launchScript(ROOT, 'while read -r line; do echo "got $line"; done; exec sleep 1000', { stdin: true });
  await host.launchScript(MIDDLE, 'exec sleep 1000', { parent: ROOT });
});
afterAll(() => host.close());

const PLAIN = { 'content-type': JSON_TYPE, accept: JSON_TYPE };
const STREAMED = { 'content-type': JSON_TYPE, accept: RECORDS, 'message-accept': JSON_TYPE };
const pretty = (value: object): string => JSON.stringify(value, undefined, 2);
const post = (value: object, headers: Readonly<Record<string, string>> = PLAIN) => client.post(pretty(value), headers);
const COMMAND = {
  environment: { variables: [{ name: 'ENV_VAR_KEY', type: 'VALUE', value: 'env_var_value' }] },
  shell: true,
};
const nested = { parent: { parent: { value: ROOT }, value: MIDDLE }, value: CHILD };

test.each([
  ['GET_HEALTH', undefined],
  ['GET_FLAGS', undefined],
  ['GET_VERSION', undefined],
  ['GET_METRICS', { timeout: { nanoseconds: 5000000000 } }],
  ['GET_LOGGING_LEVEL', undefined],
  ['GET_STATE', undefined],
  ['GET_CONTAINERS', { show_nested: true, show_standalone: false }],
  ['GET_FRAMEWORKS', undefined],
  ['GET_EXECUTORS', undefined],
  ['GET_TASKS', undefined],
])('%s is answered with 200 and with the member of its name', async (type, fields) => {
  const name = type.toLowerCase();
  const answer = await post({ type, ...(fields === undefined ? {} : { [name]: fields }) });
  expect(answer).toMatchObject({ status: 200, type: JSON_TYPE });
  expect(Object.keys(JSON.parse(answer.text))).toEqual(['type', name]);
});

test.each([
  ['SET_LOGGING_LEVEL', { duration: { nanoseconds: 60000000000 }, level: 1 }],
  ['PRUNE_IMAGES', { excluded_images: [{ type: 'DOCKER', docker: { name: 'mysql:latest' } }] }],
])('%s is done', async (type, fields) => {
  expect(await post({ type, [type.toLowerCase()]: fields })).toMatchObject({ status: 200, text: '' });
});

test('files are listed and read', async () => {
  const { sandboxDir } = await host.inspect(ROOT);
  writeFileSync(join(sandboxDir, 'myname'), 'body');
  const listed = await post({ type: 'LIST_FILES', list_files: { path: `${ROOT}/` } });
  expect(JSON.parse(listed.text).list_files.file_infos).toMatchObject([{ path: `${ROOT}/myname`, size: 4 }]);
  const read = await post({ type: 'READ_FILE', read_file: { length: 6, offset: 1, path: `${ROOT}/myname` } });
  expect(JSON.parse(read.text)).toEqual({ type: 'READ_FILE', read_file: { data: 'b2R5', size: 4 } });
});

test('a nested container is launched, waited for, killed and removed', async () => {
  const container_id = nested;
  const launched = (value: string) =>
    post({
      type: 'LAUNCH_NESTED_CONTAINER',
      launch_nested_container: { container_id, command: { ...COMMAND, value } },
    });
  const about = (verb: 'WAIT' | 'KILL' | 'REMOVE') =>
    post({ type: `${verb}_NESTED_CONTAINER`, [`${verb.toLowerCase()}_nested_container`]: { container_id } });
  expect((await launched('exit 0')).status).toBe(200);
  expect(JSON.parse((await about('WAIT')).text)).toMatchObject({
    type: 'WAIT_NESTED_CONTAINER',
    wait_nested_container: { exit_status: 0 },
  });
  expect((await about('REMOVE')).status).toBe(200);
  expect((await launched('exec sleep 1000')).status).toBe(200);
  expect((await about('KILL')).status).toBe(200);
  expect(JSON.parse((await about('WAIT')).text).wait_nested_container).toMatchObject({ exit_status: 9 });
  expect((await about('REMOVE')).status).toBe(200);
});

test('a session streams what it prints as records', async () => {
  const container_id = { ...nested, value: SESSION };
  const command = { ...COMMAND, value: 'while [ true ]; do echo $(date); sleep 1; done' };
  const type = 'LAUNCH_NESTED_CONTAINER_SESSION';
  const body = pretty({ type, launch_nested_container_session: { container_id, command } });
  const session = await client.open('POST', body, STREAMED);
  expect(session.status).toBe(200);
  await until('it has printed twice', () => recordsOf(session.text()).length >= 2);
  expect(recordsOf(session.text())[0]).toMatchObject({ type: 'DATA', data: { type: 'STDOUT' } });
  session.leave();
});

test('input is taken record by record, and output comes to whom is attached', async () => {
  const attach = pretty({
    type: 'ATTACH_CONTAINER_OUTPUT',
    attach_container_output: { container_id: { value: ROOT } },
  });
  const output = await client.open('POST', attach, STREAMED);
  expect(output.status).toBe(200);
  const heartbeat = { type: 'HEARTBEAT', heartbeat: { interval: { nanoseconds: 30000000000 } } };
  const typed = (data: string) => ({ type: 'PROCESS_IO', process_io: { type: 'DATA', data: { type: 'STDIN', data } } });
  const records = [
    { type: 'CONTAINER_ID', container_id: { value: ROOT } },
    typed('dGVzdAo='),
    { type: 'PROCESS_IO', process_io: { type: 'CONTROL', control: heartbeat } },
    typed(''),
  ].map((one) => Buffer.from(pretty({ type: 'ATTACH_CONTAINER_INPUT', attach_container_input: one })));
  const headers = { 'content-type': RECORDS, 'message-content-type': JSON_TYPE, accept: JSON_TYPE };
  expect(await client.post(Buffer.concat(records.map(encodeRecord)), headers)).toMatchObject({ status: 200, text: '' });
  await until('what was typed came back', () => printed(recordsOf(output.text())).includes('got test\n'));
  output.leave();
});

test.each([
  'GET_OPERATIONS',
  'GET_RESOURCE_PROVIDERS',
  'ADD_RESOURCE_PROVIDER_CONFIG',
  'UPDATE_RESOURCE_PROVIDER_CONFIG',
  'REMOVE_RESOURCE_PROVIDER_CONFIG',
  'LAUNCH_GROUP',
])('%s is answered with 501, for what it is about is not there yet', async (type) => {
  expect((await post({ type, [type.toLowerCase()]: {} })).status).toBe(501);
});
