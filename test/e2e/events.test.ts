import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RecordParser } from '../../src/faces/agent/operator/record-io.ts';
import { Installation } from './support/installation.ts';

let isopod: Installation;
beforeAll(async () => {
  isopod = new Installation();
  await isopod.expect(['version']);
});
afterAll(() => isopod.close());

interface EventJson {
  readonly subject: string;
  readonly kind: string;
  readonly position: string;
  readonly name?: string;
}

const eventsOf = async (...words: readonly string[]): Promise<readonly EventJson[]> =>
  (await isopod.expect(['events', '--until', '0s', '--format', 'json', ...words]))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const kinds = (events: readonly EventJson[]): readonly string[] =>
  events.filter(({ subject }) => subject !== 'stream').map(({ subject, kind }) => `${subject} ${kind}`);

test('a life is told, and by its label alone', async () => {
  await isopod.expect(['run', '--name', 'one', '--label', 'tier=front', '-v', 'data:/data', 'hello']);
  await isopod.expect(['run', '--name', 'two', 'hello']);
  await isopod.expect(['rm', 'one', 'two']);
  await isopod.expect(['volume', 'rm', 'data']);
  const life = ['container created', 'container started', 'container terminated', 'container removed'];
  expect(kinds(await eventsOf('--since', '10m', '--filter', 'label=tier=front'))).toEqual(life);
  expect(kinds(await eventsOf('--since', '10m', '--filter', 'container=two'))).toEqual(life);
  expect(kinds(await eventsOf('--since', '10m', '--filter', 'type=volume'))).toEqual([
    'volume created',
    'volume removed',
  ]);
});

test('changes of images are told with their names, ids and digests', async () => {
  const since = `${Date.now() / 1000}`;
  const layout = join(isopod.directory, 'events-layout');
  await isopod.expect(['run', '--name', 'source', 'hello']);
  await isopod.expect(['tag', 'hello', 'told:tag']);
  await isopod.expect(['commit', 'source', 'told:commit']);
  await isopod.expect(['push', '-q', 'told:tag', `oci:${layout}:hello`]);
  await isopod.expect(['save', '-o', join(isopod.directory, 'told.tar'), 'told:tag']);
  await isopod.expect(['rm', 'source']);
  await isopod.expect(['rmi', 'told:commit']);
  await isopod.expect(['load', '-q', '-i', join(isopod.directory, 'told.tar')]);
  await isopod.expect(['rmi', 'told:tag']);
  await isopod.expect(['copy', '-q', `oci:${layout}:hello`, `oci:${layout}:copied`]);
  await isopod.expect(['pull', '-q', `oci:${layout}:hello`]);
  const { stdout } = await isopod.shell('tar -cf - -T /dev/null | isopod import - told:import');
  const events = await eventsOf('--since', since, '--filter', 'type=image');
  expect(kinds(events)).toEqual([
    ...['image tagged', 'image committed', 'image pushed', 'image saved', 'image untagged', 'image removed'],
    ...['image loaded', 'image untagged', 'image copied', 'image pulled', 'image imported'],
  ]);
  const digest = expect.stringMatching(/^sha256:[0-9a-f]{64}$/);
  expect(events[0]).toMatchObject({ image: 'told:tag', imageId: digest, digest });
  expect(events[2]).toMatchObject({ image: `oci:${layout}:hello`, digest });
  const copied = { image: `oci:${layout}:copied`, source: `oci:${layout}:hello`, digest };
  expect(events.find(({ kind }) => kind === 'copied')).toMatchObject(copied);
  expect(events.at(-1)).toMatchObject({ image: 'told:import', imageId: stdout.trim(), digest });
  expect(await isopod.expect(['events', '--since', since, '--until', '0s', '--filter', 'event=load'])).toMatch(
    /image loaded sha256:[0-9a-f]{64} \(image=.*told:tag, digest=sha256:/,
  );
});

test('whoever follows hears on when the agent is stopped and another one comes', async () => {
  const following = isopod.start(['events', '--format', 'json', '--filter', 'event=die']);
  let text = '';
  following.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const heard = async (count: number): Promise<void> => {
    for (let tries = 0; text.split('\n').length <= count && tries < 200; tries++) {
      if (count > 0 && tries % 20 === 0) await isopod.expect(['run', '--rm', 'hello']);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  try {
    await heard(1);
    const before = text.split('\n').length;
    const { pid } = JSON.parse(await isopod.expect(['version', '--json'])).agent;
    process.kill(pid, 'SIGTERM');
    await heard(before);
    const lines = text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as EventJson);
    expect(lines.length).toBeGreaterThan(1);
    expect(new Set(lines.map(({ position }) => position)).size).toBe(lines.length);
    expect(lines.every(({ kind }) => kind === 'terminated')).toBe(true);
  } finally {
    following.kill();
  }
});

test('an agent that was killed leaves a gap of which nobody knows the size', async () => {
  const [last] = (await eventsOf('--since', '10m')).slice(-1);
  const { pid } = JSON.parse(await isopod.expect(['version', '--json'])).agent;
  process.kill(pid, 'SIGKILL');
  const answer = await get(`/v1/events?after=${last?.position}&untilMs=0`);
  expect(JSON.parse(answer.split('\n')[0] ?? '')).toMatchObject({ subject: 'stream', kind: 'gap', missed: 'unknown' });
});

/** Over the socket, once an agent listens again. */
async function get(path: string): Promise<string> {
  await isopod.expect(['ps']);
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: join(isopod.state, 'agent.sock'), path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('a subscription of the operator API tells what is alive, and then what happens', async () => {
  await isopod.expect(['ps']);
  const records: { readonly type: string }[] = [];
  const parser = new RecordParser();
  const over = new Promise<void>((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/recordio',
      'message-accept': 'application/json',
    };
    const options = {
      socketPath: join(isopod.state, 'agent.sock'),
      method: 'POST',
      path: '/api/v1',
      headers,
      agent: false,
    };
    const sent = request(options, (response) => {
      expect(response.headers['content-type']).toBe('application/recordio');
      response.on('error', () => resolve());
      response.on('data', (chunk: Buffer) => {
        for (const record of parser.push(chunk)) records.push(JSON.parse(Buffer.from(record).toString()));
        if (records.some(({ type }) => type === 'SUBSCRIBED') && records.length === 1)
          void isopod.run(['run', '--rm', '--name', 'web', 'hello']);
        if (records.at(-1)?.type === 'CONTAINER_REMOVED') sent.destroy();
      });
      response.on('close', () => resolve());
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ type: 'SUBSCRIBE' }));
  });
  await over;
  expect(records.map(({ type }) => type)).toEqual([
    ...['SUBSCRIBED', 'CONTAINER_ADDED', 'CONTAINER_UPDATED', 'CONTAINER_UPDATED', 'CONTAINER_REMOVED'],
  ]);
});
