import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LOG_FORMAT, type MessageValues } from '../../src/model/wire.ts';
import {
  HELPER_BINARY,
  isAlive,
  pidsOf,
  type TestConnection,
  TestHelper,
  type TestLaunch,
  until,
} from './support/helper-client.ts';

const CRI_LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) ([PF]) (.*)$/;
const CAP_KILL = 5;

let helper: TestHelper;

beforeEach(async () => {
  helper = new TestHelper();
  await helper.start();
});

afterEach(() => helper.stop());

function shell(script: string, changes: Partial<MessageValues<'launch'>> = {}): MessageValues<'launch'> {
  return helper.launchValues(['sh', '-c', script], changes);
}

async function runToEnd(values: MessageValues<'launch'>): Promise<MessageValues<'exited'>> {
  const { connection } = await helper.run(values);
  const exited = await connection.expect('exited');
  await connection.send('release', {});
  await until('the monitor is gone', () => !isAlive(connection.workerPid));
  return exited;
}

interface LogLine {
  readonly stream: string;
  readonly tag: string;
  readonly text: string;
}

function criLines(path: string): LogLine[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [, stream = '', tag = '', text = ''] = CRI_LINE.exec(line) ?? [];
      expect(line).toMatch(CRI_LINE);
      return { stream, tag, text };
    });
}

/** What the lines tell of, parts joined. */
function textOf(lines: readonly LogLine[]): string {
  return lines.map(({ tag, text }) => (tag === 'F' ? `${text}\n` : text)).join('');
}

function monitorStatus(launch: TestLaunch): string {
  return readFileSync(`/proc/${launch.connection.workerPid}/status`, 'utf8');
}

describe('the log of a container', () => {
  test('has a CRI line for each line of either stream', async () => {
    const log = join(helper.directory, 'own/container.log');
    // A monitor that comes late finds both streams at once, and has no way to know which was written first.
    const logged = (text: string) => `until grep -q '${text}$' ${log}; do sleep 0.01; done`;
    const script = `echo one; ${logged('one')}; echo two >&2; ${logged('two')}; printf three`;
    await runToEnd(shell(script, { logFormat: LOG_FORMAT.cri, logDirectory: dirname(log) }));
    expect(criLines(log)).toEqual([
      { stream: 'stdout', tag: 'F', text: 'one' },
      { stream: 'stderr', tag: 'F', text: 'two' },
      { stream: 'stdout', tag: 'P', text: 'three' },
    ]);
  });

  test('is rotated at its bound with no line lost, doubled or cut', async () => {
    const values = shell('seq 1 20000', { logFormat: LOG_FORMAT.cri, logMaxBytes: 300_000, logMaxFiles: 9 });
    await runToEnd(values);
    const names = readdirSync(values.logDirectory).sort((a, b) => b.localeCompare(a, undefined, { numeric: true }));
    expect(names.length).toBeGreaterThan(3);
    const files = names.map((name) => join(values.logDirectory, name));
    for (const file of files) expect(statSync(file).size).toBeLessThanOrEqual(300_000);
    const text = textOf(files.flatMap(criLines));
    expect(text).toBe(Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join(''));
  });

  test('keeps the newest files and no more than its bound', async () => {
    const values = shell('seq 1 20000', { logFormat: LOG_FORMAT.raw, logMaxBytes: 10_000, logMaxFiles: 2 });
    await runToEnd(values);
    expect(readdirSync(values.logDirectory).sort()).toEqual(['stderr', 'stdout', 'stdout.1']);
    const newest = readFileSync(join(values.logDirectory, 'stdout'), 'utf8');
    const older = readFileSync(join(values.logDirectory, 'stdout.1'), 'utf8');
    const first = Number(older.split('\n')[0]);
    const expected = Array.from({ length: 20_001 - first }, (_, index) => `${first + index}\n`).join('');
    expect(older + newest).toBe(expected);
    expect(Buffer.byteLength(older)).toBeLessThanOrEqual(10_000);
  });

  test('tells how much it lost while the disk was full, and goes on', async () => {
    const disk = join(helper.directory, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'isopod-test', disk]);
    try {
      const filler = join(disk, 'filler');
      writeFileSync(filler, Buffer.alloc(160 * 1024));
      const script = 'read go; seq 1 20000; echo full >&2; read go; echo after';
      const produced = `${Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join('')}full\n`;
      const values = shell(script, { logFormat: LOG_FORMAT.cri, logDirectory: disk, logMaxBytes: 0, stdinOpen: 1 });
      const { connection } = await helper.run(values);
      const client = await attachObserver(connection, values);
      await client.send('stdin', { data: Buffer.from('go\n') });
      await seeBytes(client, produced.length);
      expect(freeBytes(disk)).toBe(0);
      rmSync(filler);
      await client.send('stdin', { data: Buffer.from('go\n') });
      await connection.expect('exited');
      const lines = criLines(join(disk, 'container.log'));
      const mark = lines.findIndex(({ text }) => text.startsWith('isopod: '));
      const kept = textOf(lines.slice(0, mark));
      const lost = Number(
        /^isopod: (\d+) bytes of log lost: no space left on device$/.exec(lines[mark]?.text ?? '')?.[1],
      );
      expect(lines.slice(mark + 1)).toEqual([{ stream: 'stdout', tag: 'F', text: 'after' }]);
      expect(produced.startsWith(kept)).toBe(true);
      expect(kept.length + lost).toBe(produced.length);
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  });
});

async function attachObserver(control: TestLaunch['connection'], values: MessageValues<'launch'>) {
  const ticket = Buffer.from('observer-ticket-0');
  await control.send('grant', { ticket, role: 2 });
  await control.expect('done');
  const client = await helper.connectTo(values.socketPath);
  await client.expect('hello');
  await client.send('attach', { ticket, role: 2, stdin: 1, from: 0 });
  await client.expect('attached');
  return client;
}

/** Returns once the monitor has told of so many bytes of output, missed ones included: each went to the log first. */
async function seeBytes(client: TestConnection, bytes: number): Promise<void> {
  for (let seen = 0; seen < bytes; ) {
    const frame = await client.receive();
    if (frame === undefined) throw new Error(`the end came after ${seen} bytes`);
    if (frame.name === 'gap') seen += Number((frame.values as MessageValues<'gap'>).bytes);
    else seen += (frame.values as MessageValues<'stdout'>).data.length;
  }
}

function freeBytes(directory: string): number {
  const [, free = ''] = execFileSync('df', ['--output=avail', '-B1', directory], { encoding: 'utf8' }).split('\n');
  return Number(free);
}

describe('the end of a process', () => {
  test('is told by the status file when no agent is there', async () => {
    const values = shell('sleep 0.2; kill -TERM $$');
    const { connection } = await helper.run(values);
    connection.close();
    await until('the monitor is gone', () => !isAlive(connection.workerPid));
    expect(readFileSync(join(values.stateDirectory, 'status'), 'utf8')).toMatch(/^exited 15 \d{13} 1\n$/);
    expect(existsSync(values.socketPath)).toBe(false);
  });

  test('takes every process of the container along, whose output is read to its end', async () => {
    const said = join(helper.directory, 'said');
    const child = `trap "" TERM HUP; echo child; : >${said}; sleep 1000`;
    const values = shell(`(${child}) & until [ -e ${said} ]; do sleep 0.01; done; exit 5`, {
      logFormat: LOG_FORMAT.raw,
    });
    expect(await runToEnd(values)).toMatchObject({ waitStatus: 5 << 8, output: 1 });
    expect(pidsOf(values.trackingCgroup)).toEqual([]);
    expect(readFileSync(join(values.logDirectory, 'stdout'), 'utf8')).toBe('child\n');
  });
});

// The sanitizers need memory and system calls of their own.
describe.skipIf(HELPER_BINARY.endsWith('-asan'))('a monitor after exec', () => {
  test('keeps the right to signal and no other, and filters itself', async () => {
    const launch = await helper.run(shell('exec sleep 1000'));
    await until('the filter is in place', () => /^Seccomp:\s2$/m.test(monitorStatus(launch)));
    const status = monitorStatus(launch);
    expect(status).toMatch(new RegExp(`^CapEff:\\s0*${(1 << CAP_KILL).toString(16)}$`, 'm'));
    expect(status).toMatch(new RegExp(`^CapPrm:\\s0*${(1 << CAP_KILL).toString(16)}$`, 'm'));
    expect(status).toMatch(/^NoNewPrivs:\s1$/m);
  });

  test('takes less than 150 kB of its own while the container sleeps, after output as before', async () => {
    const values = shell('exec cat', { logFormat: LOG_FORMAT.cri, logMaxBytes: 0, stdinOpen: 1 });
    const launch = await helper.run(values);
    const client = await attachObserver(launch.connection, values);
    await client.send('stdin', { data: Buffer.alloc(60_000, 'x\n') });
    await until('the log is written', () => statSync(join(values.logDirectory, 'container.log')).size > 1_000_000);
    const kilobytes = (name: string) => {
      const memory = readFileSync(`/proc/${launch.connection.workerPid}/smaps_rollup`, 'utf8');
      return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(memory)?.[1]);
    };
    await until('it has given back what it had for the output', () => kilobytes('Anonymous') < 150);
    console.log(
      `idle monitor: Rss ${kilobytes('Rss')} kB, Pss ${kilobytes('Pss')} kB, anonymous ${kilobytes('Anonymous')} kB`,
    );
    expect(kilobytes('Anonymous')).toBeLessThan(150);
  });
});
