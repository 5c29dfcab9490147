/**
 * Writes down what an agent and a monitor of the helper that is built here say to each other, byte by byte, from the
 * agent's first word after its restart to the release:
 *
 *     record-monitor.ts FILE
 *
 * Root. Run it before PROTOCOL_VERSION changes: src/launcher/recorded-monitor.test.ts plays the file back to later agents.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeHelperPort } from '../../src/base/effects/node-helper.ts';
import type { Frame, HelperConnection } from '../../src/base/effects.ts';
import { ATTACH_ROLE, type MessageName, type MessageValues } from '../../src/model/wire.ts';
import { decodeMessage, encodeMessage, messageName } from '../../src/model/wire-codec.ts';
import { TestHelper, until } from '../kernel/support/helper-client.ts';

const SIGUSR1 = 10;
const SIGTERM = 15;
const ANSWER_DEADLINE_MS = 30_000;

interface RecordedFrame {
  readonly from: 'agent' | 'monitor';
  /** For who reads it. */
  readonly name: MessageName;
  readonly type: number;
  /** In hexadecimal digits. */
  readonly payload: string;
}

const frames: RecordedFrame[] = [];

function note(from: RecordedFrame['from'], name: MessageName, { type, payload }: Frame): void {
  frames.push({ from, name, type, payload: Buffer.from(payload).toString('hex') });
}

async function say<Name extends MessageName>(
  monitor: HelperConnection,
  name: Name,
  values: MessageValues<Name>,
): Promise<void> {
  const frame = encodeMessage(name, values);
  note('agent', name, frame);
  await monitor.send(frame.type, frame.payload);
}

async function hear(monitor: HelperConnection, name: MessageName): Promise<Frame> {
  const frame = await monitor.receive(AbortSignal.timeout(ANSWER_DEADLINE_MS));
  if (frame === undefined || messageName(frame) !== name) throw new Error(`wanted ${name}, got ${frame?.type}`);
  note('monitor', name, frame);
  return frame;
}

async function record(helper: TestHelper): Promise<number> {
  const ready = join(helper.directory, 'ready');
  const script = `trap : USR1; : >${ready}; while :; do sleep 1000 & wait; done`;
  const launch = await helper.run(helper.launchValues(['sh', '-c', script]));
  await until('the process has set its trap', () => existsSync(ready));
  launch.connection.close();
  const monitor = await nodeHelperPort().connect(launch.values.socketPath);
  const { version } = decodeMessage('hello', await hear(monitor, 'hello'));
  await say(monitor, 'attach', {
    ticket: launch.values.controlTicket,
    role: ATTACH_ROLE.control,
    stdin: 0,
    from: 0,
  });
  await hear(monitor, 'attached');
  await say(monitor, 'signal', { signal: SIGUSR1 });
  await hear(monitor, 'done');
  await say(monitor, 'grant', { ticket: Buffer.alloc(16, 2), role: ATTACH_ROLE.observer });
  await hear(monitor, 'done');
  await say(monitor, 'readCounters', {});
  await hear(monitor, 'counters');
  await say(monitor, 'signal', { signal: SIGTERM });
  await hear(monitor, 'done');
  await hear(monitor, 'exited');
  await say(monitor, 'release', {});
  if ((await monitor.receive()) !== undefined) throw new Error('a released monitor says nothing more');
  return Number(version);
}

const [file = ''] = process.argv.slice(2);
const helper = new TestHelper();
try {
  await helper.start();
  const protocol = await record(helper);
  const rows = frames.map((frame) => `    ${JSON.stringify(frame)}`).join(',\n');
  writeFileSync(file, `{\n  "protocol": ${protocol},\n  "frames": [\n${rows}\n  ]\n}\n`);
} finally {
  await helper.stop();
}
