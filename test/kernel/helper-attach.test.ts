import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ATTACH_ROLE,
  LAUNCH_KIND,
  LOG_FORMAT,
  type MessageValues,
  MONITOR_STATE,
  REFUSAL,
} from '../../src/model/wire.ts';
import { isAlive, type TestConnection, TestHelper, type TestLaunch, until } from './support/helper-client.ts';

const OWNER_TICKET = Buffer.from('the-owner-ticket');
/** More than a test client keeps while nobody asks it for frames. */
const MUCH_BYTES = 67_108_864;
const LINE = 'the quick brown fox jumps over the lazy dog 0123456789 and more!';
const PRINT_MUCH = `yes '${LINE}' | head -c ${MUCH_BYTES}`;

let helper: TestHelper;

beforeEach(async () => {
  helper = new TestHelper();
  await helper.start();
});

afterEach(() => helper.stop());

interface Wanted {
  readonly ticket: Uint8Array;
  readonly role: number;
  readonly stdin?: number;
}

function owned(script: string, changes: Partial<MessageValues<'launch'>> = {}): MessageValues<'launch'> {
  return helper.launchValues(['sh', '-c', script], { owned: 1, ownerTicket: OWNER_TICKET, ...changes });
}

async function ask(values: MessageValues<'launch'>, { ticket, role, stdin = 0 }: Wanted): Promise<TestConnection> {
  const client = await helper.connectTo(values.socketPath);
  await client.expect('hello');
  await client.send('attach', { ticket, role, stdin, from: 1 });
  return client;
}

async function attachOwner(values: MessageValues<'launch'>, stdin = 0): Promise<TestConnection> {
  const client = await ask(values, { ticket: OWNER_TICKET, role: ATTACH_ROLE.owner, stdin });
  await client.expect('attached');
  return client;
}

async function attachObserver({ connection, values }: TestLaunch): Promise<TestConnection> {
  const ticket = Buffer.from('an-observer-ticket');
  await connection.send('grant', { ticket, role: ATTACH_ROLE.observer });
  await connection.expect('done');
  const client = await ask(values, { ticket, role: ATTACH_ROLE.observer, stdin: 1 });
  await client.expect('attached');
  return client;
}

interface Seen {
  readonly bytes: number;
  readonly sha256: string;
  readonly gapBytes: number;
  readonly waitStatus: number;
}

/** Everything that a client gets until the connection ends. */
async function readAll(client: TestConnection): Promise<Seen> {
  const hash = createHash('sha256');
  let [bytes, gapBytes, waitStatus] = [0, 0, -1];
  for (let frame = await client.receive(); frame !== undefined; frame = await client.receive()) {
    if (frame.name === 'stdout') {
      const { data } = frame.values as MessageValues<'stdout'>;
      hash.update(data);
      bytes += data.length;
    } else if (frame.name === 'gap') {
      gapBytes += Number((frame.values as MessageValues<'gap'>).bytes);
    } else {
      expect(frame.name).toBe('exited');
      waitStatus = Number((frame.values as MessageValues<'exited'>).waitStatus);
    }
  }
  return { bytes, sha256: hash.digest('hex'), gapBytes, waitStatus };
}

async function readUntil(client: TestConnection, wanted: string): Promise<void> {
  let text = '';
  while (!text.includes(wanted)) text += Buffer.from((await client.expect('stdout')).data).toString();
}

describe('an owner', () => {
  test('gets 64 MB byte for byte while the log is written too', async () => {
    const values = owned(PRINT_MUCH, { logFormat: LOG_FORMAT.raw, logMaxBytes: 0 });
    const { connection } = await helper.run(values);
    const seen = await readAll(await attachOwner(values));
    const expected = createHash('sha256')
      .update(
        `${LINE}
`
          .repeat(1_100_000)
          .slice(0, MUCH_BYTES),
      )
      .digest('hex');
    expect(seen).toEqual({ bytes: MUCH_BYTES, sha256: expected, gapBytes: 0, waitStatus: 0 });
    await connection.expect('exited');
    expect(statSync(join(values.logDirectory, 'stdout')).size).toBe(MUCH_BYTES);
  });

  test('that does not read holds the process back, and gets all once it does', async () => {
    const values = owned(PRINT_MUCH);
    const { pid } = await helper.run(values);
    const client = await attachOwner(values);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isAlive(pid)).toBe(true);
    expect((await readAll(client)).bytes).toBe(MUCH_BYTES);
  });

  test('that comes after the end still gets the output and the status', async () => {
    const values = owned('echo early; exit 9');
    const { connection } = await helper.run(values);
    await connection.expect('exited');
    await connection.send('release', {});
    const client = await ask(values, { ticket: OWNER_TICKET, role: ATTACH_ROLE.owner });
    expect(await client.expect('attached')).toMatchObject({ state: MONITOR_STATE.exited, waitStatus: 9 << 8 });
    expect(await readAll(client)).toMatchObject({ bytes: 6, waitStatus: 9 << 8 });
    await until('the monitor is gone', () => !isAlive(connection.workerPid));
  });

  test('gives input and its end', async () => {
    const values = owned('cat; echo ended', { stdinOpen: 1 });
    await helper.run(values);
    const client = await attachOwner(values, 1);
    await client.send('stdin', { data: Buffer.from('to and fro\n') });
    await readUntil(client, 'to and fro\n');
    await client.send('stdinEnd', {});
    await readUntil(client, 'ended\n');
    await client.expect('exited');
    expect(await client.receive()).toBeUndefined();
  });

  test('cannot be joined by a second one, nor by somebody with a wrong ticket', async () => {
    const values = owned('exec sleep 1000');
    const { connection } = await helper.run(values);
    await attachOwner(values);
    const second = Buffer.from('second-owner-ticket');
    await connection.send('grant', { ticket: second, role: ATTACH_ROLE.owner });
    await connection.expect('done');
    for (const [ticket, role, reason] of [
      [second, ATTACH_ROLE.owner, REFUSAL.ownerTaken],
      [OWNER_TICKET, ATTACH_ROLE.owner, REFUSAL.badTicket],
      [second, ATTACH_ROLE.control, REFUSAL.badTicket],
      [Buffer.from('the-owner-tickex'), ATTACH_ROLE.owner, REFUSAL.badTicket],
      [Buffer.alloc(0), ATTACH_ROLE.observer, REFUSAL.badTicket],
    ] as const) {
      const client = await ask(values, { ticket, role });
      expect(await client.expect('refused')).toEqual({ reason });
      expect(await client.receive()).toBeUndefined();
    }
  });
});

describe('an observer', () => {
  test('that stalls misses output, is told how much, and slows nobody', async () => {
    const launch = await helper.run(helper.launchValues(['sh', '-c', `read go; ${PRINT_MUCH}`], { stdinOpen: 1 }));
    const client = await attachObserver(launch);
    await client.send('stdin', { data: Buffer.from('go\n') });
    await launch.connection.expect('exited');
    const { bytes, gapBytes, waitStatus } = await readAll(client);
    expect(gapBytes).toBeGreaterThan(0);
    expect({ all: bytes + gapBytes, waitStatus }).toEqual({ all: MUCH_BYTES, waitStatus: 0 });
  });

  test('sees the output beside the owner', async () => {
    const values = owned('read go; echo both', { stdinOpen: 1 });
    const launch = await helper.run(values);
    const [owner, observer] = [await attachOwner(values, 1), await attachObserver(launch)];
    await owner.send('stdin', { data: Buffer.from('go\n') });
    expect([(await readAll(owner)).bytes, (await readAll(observer)).bytes]).toEqual([5, 5]);
  });
});

describe('a session', () => {
  const session = { kind: LAUNCH_KIND.session, trackingCgroup: '', stateDirectory: '', enterNamespaces: 0 };

  test('ends two seconds after its process, though a process that it left behind still has its output', async () => {
    const target = await helper.run(helper.launchValues(['sleep', '1000']));
    const values = owned('sleep 1000 & echo said', {
      ...session,
      enterPid: target.pid,
      enterStartTime: target.startTime,
    });
    const childSteps = values.childSteps.filter(({ op }) => op !== 'await-host');
    const group = {
      op: 'join-cgroup',
      by: 'test',
      values: { path: target.values.trackingCgroup, version: 2 },
    } as const;
    const begun = performance.now();
    const { connection } = await helper.run({ ...values, childSteps: [group, ...childSteps] });
    const client = await attachOwner(values);
    expect(await connection.expect('exited')).toMatchObject({ waitStatus: 0, output: 0 });
    expect(performance.now() - begun).toBeGreaterThan(1900);
    expect(await readAll(client)).toMatchObject({ bytes: 5, waitStatus: 0 });
  });
});
