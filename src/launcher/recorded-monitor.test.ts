/**
 * Monitors of former versions of the protocol, as they were written down by test/support/record-monitor.ts. A stand-in on a
 * unix socket says what the monitor said, and takes nothing but the very bytes that it was told then.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../base/effects/node-effects.ts';
import { SocketFrames } from '../base/effects/socket-frames.ts';
import { HELPER_ROLE, OLDEST_MONITOR_VERSION, PROTOCOL_VERSION } from '../model/wire.ts';
import { encodeMessage } from '../model/wire-codec.ts';
import { instanceTree } from './group-tree.ts';
import { LinuxLauncher } from './linux-launcher.ts';
import { StepRunner } from './step-runner.ts';
import { WorkerPool } from './worker-pool.ts';

interface RecordedFrame {
  readonly from: 'agent' | 'monitor';
  readonly name: string;
  readonly type: number;
  readonly payload: string;
}

interface Recording {
  readonly protocol: number;
  readonly frames: readonly RecordedFrame[];
}

const SIGUSR1 = 10;
const SIGTERM = 15;
const UID = 'aabbccddeeff';
const CONTROL_TICKET = Buffer.alloc(16, 1);
const FORMER = Array.from({ length: PROTOCOL_VERSION - OLDEST_MONITOR_VERSION }, (_, n) => OLDEST_MONITOR_VERSION + n);

let directory: string;
let server: Server | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isopod-recorded-'));
});
afterEach(async () => {
  server?.close();
  server = undefined;
  await rm(directory, { recursive: true });
});

async function recordingOf(protocol: number): Promise<Recording> {
  return JSON.parse(await readFile(join(import.meta.dirname, 'testdata', `monitor-protocol-${protocol}.json`), 'utf8'));
}

/** Plays the monitor's part to its first client. @returns resolves at the end of the recording, rejects where the agent departs from it */
async function play({ frames }: Recording): Promise<{ readonly over: Promise<void> }> {
  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  over.catch(() => {});
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    const agent = new SocketFrames(socket);
    const playAll = async (): Promise<void> => {
      for (const { from, name, type, payload } of frames) {
        if (from === 'monitor') {
          await agent.send(type, Buffer.from(payload, 'hex'));
          continue;
        }
        const said = await agent.receive();
        const heard = { name, type: said?.type, payload: Buffer.from(said?.payload ?? []).toString('hex') };
        expect(heard).toEqual({ name, type, payload });
      }
    };
    playAll()
      .then(resolve, reject)
      .finally(() => agent.close());
  });
  server = listener;
  await new Promise<void>((listening) => listener.listen(join(directory, UID), listening));
  return { over };
}

/** As an agent has it after its start; no fork server is there, and none is asked. */
function launcher(): LinuxLauncher {
  const node = nodeEffects();
  const effects = { ...node, random: { bytes: (count: number) => Buffer.alloc(count, 2) } };
  const workers = new WorkerPool({
    ...{ effects, socketPath: join(directory, 'none'), idleWorkers: 0, connectDeadlineMs: 1000 },
    startForkServer: () => Promise.reject(new Error('no fork server here')),
  });
  const steps = new StepRunner({ clock: effects.clock, takeWorker: () => workers.takeWorker(), width: 1 });
  return new LinuxLauncher({
    ...{ effects, workers, steps, hierarchies: [], tree: instanceTree('isopod-test') },
    ...{ containersStateDir: directory, socketsDir: directory },
  });
}

test.each(FORMER)(
  'a container of protocol version %i is taken over, with attach, counters, signals and its end',
  async (version) => {
    const recording = await recordingOf(version);
    expect(recording.protocol).toBe(version);
    const { over } = await play(recording);
    const link = await launcher().recover(UID, CONTROL_TICKET);
    if (link === undefined) throw new Error('it was not taken over');
    expect(link.otherVersion).toBeUndefined();
    expect((await link.started).process.pid).toBe(recordedPid(recording));
    await link.signal(SIGUSR1);
    expect(await link.grant('observer')).toEqual({ socketPath: join(directory, UID), ticket: '02'.repeat(16) });
    expect(await link.readCounters()).toHaveLength(0);
    await link.signal(SIGTERM);
    expect(await link.ended).toMatchObject({ exitStatus: { kind: 'signaled', signal: SIGTERM }, outputComplete: true });
    await link.release();
    await over;
    await link.gone;
  },
);

/** The second number of `attached`. */
function recordedPid({ frames }: Recording): number {
  const attached = frames.find(({ name }) => name === 'attached')?.payload ?? '';
  return Number(Buffer.from(attached, 'hex').readBigUInt64LE(8));
}

test.each([
  ['newer', PROTOCOL_VERSION + 1],
  ['older than any that this agent speaks', OLDEST_MONITOR_VERSION - 1],
])('a monitor that is %s takes signals and tells the end, and nothing else is asked of it', async (_, version) => {
  const { over } = await play(coreConversation(await recordingOf(OLDEST_MONITOR_VERSION), version));
  const link = await launcher().recover(UID, CONTROL_TICKET);
  if (link === undefined) throw new Error('it was not taken over');
  expect(link.otherVersion).toMatchObject({ theirs: version, newest: PROTOCOL_VERSION });
  await expect(link.grant('observer')).rejects.toMatchObject({
    code: 'launcher.monitorVersion',
    kind: 'unimplemented',
  });
  expect(await link.readCounters()).toHaveLength(0);
  await link.signal(SIGUSR1);
  await link.signal(SIGTERM);
  expect(await link.ended).toMatchObject({ exitStatus: { kind: 'signaled', signal: SIGTERM } });
  await link.release();
  await over;
});

/** What is left of a recording for a monitor of another version, which also tells something that nobody knows yet. */
function coreConversation({ frames }: Recording, protocol: number): Recording {
  const beyond = frames.findIndex(({ name }) => name === 'grant');
  const [, attach, attached, ...signal] = frames.slice(0, beyond);
  const end = frames.slice(frames.findIndex(({ name }) => name === 'counters') + 1);
  if (attach === undefined || attached === undefined) throw new Error('the recording begins otherwise');
  const { type, payload } = encodeMessage('hello', { version: protocol, pid: 1, role: HELPER_ROLE.monitor });
  const hello: RecordedFrame = { from: 'monitor', name: 'hello', type, payload: Buffer.from(payload).toString('hex') };
  const unknown: RecordedFrame = { from: 'monitor', name: 'of a later version', type: 250, payload: '00' };
  return { protocol, frames: [hello, attach, attached, unknown, ...signal, ...end] };
}
