import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SocketFrames } from '../../../src/base/effects/socket-frames.ts';
import {
  LAUNCH_KIND,
  LOG_FORMAT,
  type MessageName,
  type MessageValues,
  STDIO,
  type Step,
  step,
} from '../../../src/model/wire.ts';
import { decodeMessage, encodeMessage, messageName } from '../../../src/model/wire-codec.ts';

/** The helper that tests run; built by native/build.sh. */
export const HELPER_BINARY =
  process.env.ISOPOD_TEST_HELPER ?? join(import.meta.dirname, '../../../.build/isopod-helper');

const ANSWER_DEADLINE_MS = 30_000;
const POLL_MS = 5;

/** A test's own fork server in its own directory, with its own tracking group. Everything goes with `stop`. */
export class TestHelper {
  readonly directory = mkdtempSync(join(tmpdir(), 'isopod-helper-'));
  readonly socketPath = join(this.directory, 'helper.sock');
  readonly logPath = join(this.directory, 'helper.log');
  /** Below the v2 hierarchy; made by the first launch. */
  readonly group = join(cgroup2Mount(), `isopod-test-${process.pid}-${this.directory.slice(-6)}`);
  server: ChildProcess | undefined;
  readonly #connections: TestConnection[] = [];
  #launches = 0;

  /**
   * Starts the fork server, as the last arguments of `command`, with options of its own, and waits until it listens.
   *
   * @param leaked descriptors of ours that it finds open, from 3 on
   */
  async start(
    command: readonly string[] = [HELPER_BINARY],
    options: readonly string[] = [],
    leaked: readonly number[] = [],
  ): Promise<ChildProcess> {
    const [program = '', ...before] = command;
    const words = [...before, 'fork-server', ...options, this.socketPath, this.logPath];
    const server = spawn(program, words, { stdio: ['ignore', 'ignore', 'ignore', ...leaked] });
    this.server = server;
    await until('the fork server listens', async () => {
      const probe = await connect(this.socketPath).catch(() => undefined);
      probe?.destroy();
      return probe !== undefined;
    });
    return server;
  }

  /** A fresh worker; its `hello` has been read. */
  async connect(): Promise<TestConnection> {
    const connection = new TestConnection(await connect(this.socketPath));
    this.#connections.push(connection);
    connection.hello = await connection.expect('hello');
    return connection;
  }

  /** A client of a monitor's own socket; nothing is sent or read yet. */
  async connectTo(socketPath: string): Promise<TestConnection> {
    const connection = new TestConnection(await connect(socketPath));
    this.#connections.push(connection);
    return connection;
  }

  /**
   * Values of a launch with pipes, no log, no rootfs and a tracking group and directories of its own. Child steps are
   * `await-host`, `await-start` and the command, unless given.
   */
  launchValues(command: readonly string[], changes: Partial<MessageValues<'launch'>> = {}): MessageValues<'launch'> {
    this.#launches += 1;
    const stateDirectory = join(this.directory, `c${this.#launches}`);
    const logDirectory = join(stateDirectory, 'logs');
    mkdirSync(logDirectory, { recursive: true });
    return {
      kind: LAUNCH_KIND.container,
      cloneFlags: 0,
      trackingCgroup: join(this.group, `c${this.#launches}`),
      trackingLevels: 2,
      stateDirectory,
      socketPath: join(this.directory, `s${this.#launches}`),
      stdio: STDIO.pipes,
      stdinOpen: 0,
      owned: 0,
      rows: 0,
      columns: 0,
      logFormat: LOG_FORMAT.none,
      logDirectory,
      logMaxBytes: 1 << 20,
      logMaxFiles: 2,
      controlTicket: Buffer.alloc(16, 1),
      ownerTicket: new Uint8Array(0),
      enterPid: 0,
      enterStartTime: 0,
      enterNamespaces: 0,
      reaper: 0,
      hostSteps: [],
      childSteps: plainSteps(command),
      ...changes,
    };
  }

  /** Launches up to the start barrier. */
  async launch(values: MessageValues<'launch'>): Promise<TestLaunch> {
    const connection = await this.connect();
    await connection.send('launch', values);
    const cloned = await connection.expect('cloned');
    await connection.expect('prepared');
    return { connection, values, pid: Number(cloned.pid), startTime: BigInt(cloned.startTime) };
  }

  /** Launches and opens the start barrier. */
  async run(values: MessageValues<'launch'>): Promise<TestLaunch> {
    const launch = await this.launch(values);
    await launch.connection.send('start', {});
    await launch.connection.expect('timings');
    await launch.connection.expect('started');
    return launch;
  }

  /** Ends every process and removes every group and file of this helper. */
  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    const server = this.server;
    if (server !== undefined && server.exitCode === null && server.signalCode === null) server.kill('SIGKILL');
    for (const group of groupsBelow(this.group)) {
      await until(`${group} is empty`, () => {
        for (const pid of pidsOf(group)) tryKill(pid);
        return pidsOf(group).length === 0;
      });
      await until(`${group} is removed`, () => tryRemove(group));
    }
    // A monitor that ends meanwhile removes its socket; rmSync takes the missing file for the end of its work.
    await until(`${this.directory} is removed`, () => {
      rmSync(this.directory, { recursive: true, force: true });
      return !existsSync(this.directory);
    });
  }
}

export interface TestLaunch {
  readonly connection: TestConnection;
  readonly values: MessageValues<'launch'>;
  readonly pid: number;
  readonly startTime: bigint;
}

/** Frames by name, with a deadline on every answer. */
export class TestConnection {
  hello: MessageValues<'hello'> = { version: 0, pid: 0, role: 0 };
  readonly #socket: Socket;
  readonly #frames: SocketFrames;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#frames = new SocketFrames(socket);
  }

  /** Pid of the worker, which is the monitor's after a launch. */
  get workerPid(): number {
    return Number(this.hello.pid);
  }

  async send<Name extends MessageName>(name: Name, values: MessageValues<Name>): Promise<void> {
    const frame = encodeMessage(name, values);
    await this.#frames.send(frame.type, frame.payload);
  }

  /** Any bytes, whether a frame or not. */
  sendBytes(bytes: Uint8Array): Promise<void> {
    return this.#frames.sendRaw(bytes);
  }

  /** The next frame's name and payload; `undefined` at the end of the connection. */
  async receive(): Promise<{ readonly name: MessageName; readonly values: unknown } | undefined> {
    const frame = await this.#frames.receive(AbortSignal.timeout(ANSWER_DEADLINE_MS));
    if (frame === undefined) return undefined;
    const name = messageName(frame);
    if (name === undefined) throw new Error(`unknown frame ${frame.type}`);
    return { name, values: decodeMessage(name, frame) };
  }

  /** The next frame, which must be of this name. */
  async expect<Name extends MessageName>(name: Name): Promise<MessageValues<Name>> {
    const frame = await this.receive();
    if (frame?.name !== name) throw new Error(`wanted ${name}, got ${JSON.stringify(frame) ?? 'the end'}`);
    return frame.values as MessageValues<Name>;
  }

  /** `failed` as plain numbers. */
  async expectFailure(): Promise<{ phase: number; step: number; errno: number; detail: string }> {
    const { phase, step: index, errno, detail } = await this.expect('failed');
    return { phase: Number(phase), step: Number(index), errno: Number(errno), detail };
  }

  /** Half-closes: what was asked still gets its answer. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#frames.close();
  }
}

/** The shortest list of child steps: both barriers and the command. */
export function plainSteps(
  command: readonly string[],
  environment: readonly string[] = ['PATH=/usr/bin:/bin'],
): Step[] {
  return [
    step('test', 'await-host', {}),
    step('test', 'await-start', {}),
    step('test', 'exec', { arguments: command, environment }),
  ];
}

/** Polls until the condition holds. @throws after half a minute, with what was waited for */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ANSWER_DEADLINE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Whether a process exists; a zombie does not count. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Pids in a group; none when the group is gone. */
export function pidsOf(group: string): number[] {
  try {
    return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Where the v2 hierarchy is mounted. */
export function cgroup2Mount(): string {
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find((mount) => mount.split(' ')[2] === 'cgroup2');
  if (line === undefined) throw new Error('no cgroup v2 hierarchy is mounted');
  return line.split(' ')[1] ?? '';
}

function connect(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

function groupsBelow(group: string): string[] {
  if (!existsSync(group)) return [];
  const below = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...below.flatMap((entry) => groupsBelow(join(group, entry.name))), group];
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

function tryRemove(group: string): boolean {
  try {
    rmdirSync(group);
  } catch {
    return !existsSync(group);
  }
  return true;
}
