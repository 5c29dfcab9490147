import { createCipheriv, createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';
import { recordsOf } from './support/operator-client.ts';
import { PeakMemory } from './support/peak-memory.ts';
import { StallingObserver } from './support/stalling-observer.ts';

/** `npm run test:attach` asks for a gigabyte and for a minute. */
const BYTES = Number(process.env.ISOPOD_TEST_STREAM_BYTES ?? 96 << 20);
const STALL_MS = Number(process.env.ISOPOD_TEST_STALL_MS ?? 3_000);
const DEADLINE_MS = 180_000 + 2 * STALL_MS + (BYTES >> 20) * 500;
const CHUNK_BYTES = 1 << 20;
/** A monitor has 256 KiB for each that is attached, and its code. */
const MONITOR_BYTES = 8 << 20;
/** What streams may add to an agent that passes them on: what V8 collects later, and what sockets hold. */
const AGENT_GROWTH_BYTES = 96 << 20;
/** More than all buffers between a process and who watches it have together. */
const FAR_BEYOND_BUFFERS = 24 << 20;

let host: IsopodHost;
beforeAll(async () => {
  host = await IsopodHost.make();
  await host.startAgent();
});
afterAll(() => host.close());
afterEach(() => host.removeAll());

/** Bytes that do not repeat, always the same. */
function* noise(bytes: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const zeros = Buffer.alloc(CHUNK_BYTES);
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) yield cipher.update(zeros.subarray(0, left));
}

function agentMemory(): PeakMemory {
  const pid = host.livingAgent();
  if (pid === undefined) throw new Error('there is no agent');
  return new PeakMemory(pid);
}

/** The monitor of what is not the container itself. */
async function sessionMonitor(uid: string): Promise<number> {
  const found = () =>
    host.view.processes().find(({ command }) => /^isopod-helper monitor ./.test(command) && !command.endsWith(uid));
  await until('the session has a monitor', () => found() !== undefined);
  return found()?.pid ?? 0;
}

/** Gives a command everything and takes what it gives back, at once. */
async function echo(words: readonly string[], started: () => Promise<void>) {
  const child = host.start(words);
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('the command has no pipes');
  const [sent, received] = [createHash('sha256'), createHash('sha256')];
  let bytes = 0;
  stdout.on('data', (chunk: Buffer) => {
    received.update(chunk);
    bytes += chunk.length;
  });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const watching = started();
  for (const chunk of noise(BYTES)) {
    sent.update(chunk);
    if (!stdin.write(chunk)) await Promise.race([new Promise((resolve) => stdin.once('drain', resolve)), closed]);
    await watching;
  }
  stdin.end();
  const code = await closed;
  return { sent: sent.digest('hex'), received: received.digest('hex'), bytes, code };
}

describe(`${BYTES >> 20} MiB through a session that its client owns`, () => {
  test.each([
    ['straight to its monitor', false],
    ['through the agent', true],
  ])(
    'are the same bytes on the way there and back, and take little memory: %s',
    async (_, isTunnelled) => {
      const uid = await host.launchScript('web', 'exec sleep 100000');
      const agent = agentMemory();
      let monitor: PeakMemory | undefined;
      const words = isTunnelled ? ['--host', `unix://${join(host.state, 'agent.sock')}`] : [];
      const echoed = await echo([...words, 'exec', '-i', 'web', 'cat'], async () => {
        monitor = new PeakMemory(await sessionMonitor(uid));
      });
      expect(echoed).toEqual({ sent: echoed.sent, received: echoed.sent, bytes: BYTES, code: 0 });
      expect(monitor?.stop()).toBeLessThan(MONITOR_BYTES);
      expect(agent.stop() - agent.firstBytes).toBeLessThan(AGENT_GROWTH_BYTES);
    },
    DEADLINE_MS,
  );
});

/** A container that prints until the file `end` is there, and then tells how much that was. */
async function printing(end: string): Promise<{ readonly uid: string; readonly printed: () => number }> {
  const count = `${end}.count`;
  const mebibyte = 'head -c 1048576 /dev/zero';
  const script = `n=0; while [ ! -e ${end} ]; do ${mebibyte}; n=$((n+1)); echo $n >${count}.new; mv ${count}.new ${count}; done`;
  const uid = await host.launchScript('prints', script, { log: { format: 'raw', maxBytes: 1 << 20, maxFiles: 1 } });
  const printed = () => (existsSync(count) ? Number(readFileSync(count, 'utf8')) * 2 ** 20 : 0);
  return { uid, printed };
}

const attach = (uid: string): Promise<{ readonly socketPath: string; readonly ticket: string }> =>
  host.api.expect('POST', `/v1/containers/${uid}/attach`);

/** A client of the operator API that watches a container and reads nothing until `readAll`. */
function stallingClient(name: string) {
  const body = { type: 'ATTACH_CONTAINER_OUTPUT', attach_container_output: { container_id: { value: name } } };
  const asked = request({
    ...{ socketPath: join(host.state, 'agent.sock'), method: 'POST', path: '/api/v1' },
    headers: { 'content-type': 'application/json' },
  });
  asked.end(JSON.stringify(body));
  const response = new Promise<AsyncIterable<Buffer>>((resolve, reject) => {
    asked.once('response', (incoming) => resolve(incoming.pause()));
    asked.once('error', reject);
  });
  return {
    answered: response,
    readAll: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of await response) chunks.push(chunk);
      let [bytes, gapBytes, exited] = [0, 0, false];
      for (const record of recordsOf(Buffer.concat(chunks).toString('latin1'))) {
        const { type, data, control } = record as {
          readonly type: string;
          readonly data?: { readonly data: string };
          readonly control?: { readonly type: string; readonly gap?: { readonly bytes: number } };
        };
        if (type === 'DATA') bytes += Buffer.from(data?.data ?? '', 'base64').length;
        if (control?.type === 'GAP') gapBytes += control.gap?.bytes ?? 0;
        if (control?.type === 'EXITED') exited = true;
      }
      return { bytes, gapBytes, exited };
    },
  };
}

describe(`observers that read nothing for ${STALL_MS / 1000} s`, () => {
  test(
    'cost a container nothing, nor the agent, and find counted what they have missed',
    async () => {
      const end = host.flag();
      const { uid, printed } = await printing(end);
      const stalled = [
        await StallingObserver.attach(await attach(uid)),
        await StallingObserver.attach(await attach(uid)),
      ];
      const client = stallingClient('prints');
      await client.answered;
      const attentive = (await StallingObserver.attach(await attach(uid))).readAll();
      const monitor = new PeakMemory(host.view.monitorOf(uid) ?? 0);
      const agent = agentMemory();
      const before = printed();
      await sleep(STALL_MS);
      // Each would hold a process back that waited for it; and one that goes on prints as much again at any moment.
      await until('much more was printed than fits anywhere', () => printed() - before > FAR_BEYOND_BUFFERS);
      const meanwhile = printed();
      await until('it still prints', () => printed() - meanwhile > FAR_BEYOND_BUFFERS);
      writeFileSync(end, '');
      await host.wait(uid);
      expect(monitor.stop()).toBeLessThan(MONITOR_BYTES);
      const seen = await Promise.all(stalled.map((observer) => observer.readAll()));
      const seenByClient = await client.readAll();
      expect(agent.stop() - agent.firstBytes).toBeLessThan(AGENT_GROWTH_BYTES);
      const total = printed();
      for (const { bytes, gapBytes, exited } of [...seen, seenByClient]) {
        expect(gapBytes).toBeGreaterThan(FAR_BEYOND_BUFFERS);
        expect(exited).toBe(true);
        // Those that came later have missed what was printed before.
        expect(bytes + gapBytes).toBeGreaterThan(total - before - FAR_BEYOND_BUFFERS);
        expect(bytes + gapBytes).toBeLessThanOrEqual(total);
      }
      const { bytes, gapBytes, exited } = await attentive;
      expect({ all: bytes + gapBytes <= total, exited }).toEqual({ all: true, exited: true });
      expect(bytes).toBeGreaterThan(Math.max(...seen.map((one) => one.bytes)));
    },
    DEADLINE_MS,
  );

  test(
    'find every byte counted when they were there from the first one on',
    async () => {
      const go = host.flag();
      const bytes = 64 << 20;
      const script = `while [ ! -e ${go} ]; do sleep 0.02; done; exec head -c ${bytes} /dev/zero`;
      const uid = await host.launchScript('counts', script, { log: { format: 'raw', maxBytes: 1 << 20, maxFiles: 1 } });
      const observers = [
        await StallingObserver.attach(await attach(uid)),
        await StallingObserver.attach(await attach(uid)),
      ];
      writeFileSync(go, '');
      await host.wait(uid);
      for (const one of observers) {
        const seen = await one.readAll();
        expect({ all: seen.bytes + seen.gapBytes, exited: seen.exited }).toEqual({ all: bytes, exited: true });
        expect(seen.gaps).toBeGreaterThan(0);
      }
    },
    DEADLINE_MS,
  );
});
