import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const READY_DEADLINE_MS = 30_000;
/** Where tools/install-test-packages.sh unpacks Debian's packages: they are not installed, for an installed engine begins to serve. */
const UNPACKED = join(import.meta.dirname, '..', '..', '.build', 'docker-engine', 'usr');
const GROUPS = '/sys/fs/cgroup';

/** Docker's own engine, with all that it keeps in one directory; it writes no rules and makes no network. */
export interface DockerEngine {
  /** As in DOCKER_HOST. */
  readonly host: string;
  /** Runs Docker's command against it. @returns what it printed */
  docker(words: readonly string[]): string;
  /** What Docker's command is called with, for a caller that starts it by itself. */
  readonly command: readonly string[];
  stop(): Promise<void>;
}

/** Whether there are the programs of a Docker engine here, installed or unpacked. */
export function hasDockerEngine(): boolean {
  return ['dockerd', 'docker', 'containerd', 'runc'].every((name) => programPath(name) !== undefined);
}

export async function startDockerEngine(): Promise<DockerEngine> {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-docker-'));
  const group = `isopod-docker-${process.pid}`;
  const host = `unix://${join(directory, 'docker.sock')}`;
  const config = join(directory, 'config.json');
  const log = join(directory, 'log');
  writeFileSync(config, '{}');
  mkdirSync(join(directory, 'data'));
  const places = ['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')];
  const files = ['--pidfile', join(directory, 'pid'), '--config-file', config, '--cgroup-parent', `/${group}`];
  const nothing = ['--iptables=false', '--ip6tables=false', '--ip-forward=false', '--userland-proxy=false'];
  const words = ['dockerd', '--host', host, ...places, ...files, ...nothing, '--bridge=none'];
  // It ends with the process that runs the tests, and takes its containerd along.
  const output = openSync(log, 'w');
  const engine = spawn('setpriv', ['--pdeathsig', 'KILL', ...words], {
    ...{ stdio: ['ignore', output, output], cwd: directory },
    env: { ...process.env, PATH: searchPath() },
  });
  const command = [programPath('docker') ?? 'docker', '--host', host];
  const docker = (more: readonly string[]): string =>
    execFileSync(command[0] ?? '', [...command.slice(1), ...more], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const stop = async (): Promise<void> => {
    await end(engine);
    spawnSync('umount', ['-l', join(directory, 'data')]); // which it mounts on itself
    rmSync(directory, { recursive: true, force: true });
    removeGroups(group);
  };
  try {
    await answering(engine, { command, log });
  } catch (error) {
    await stop();
    throw error;
  }
  return { host, docker, command, stop };
}

async function answering(
  engine: ChildProcess,
  { command, log }: { readonly command: readonly string[]; readonly log: string },
): Promise<void> {
  const deadline = performance.now() + READY_DEADLINE_MS;
  while (spawnSync(command[0] ?? '', [...command.slice(1), 'version']).status !== 0) {
    if (engine.exitCode !== null || performance.now() > deadline) {
      throw new Error(`the Docker engine does not answer: ${readFileSync(log, 'utf8').slice(-2_000)}`);
    }
    await sleep(50);
  }
}

async function end(engine: ChildProcess): Promise<void> {
  if (engine.exitCode !== null || engine.signalCode !== null) return;
  const ended = once(engine, 'exit');
  engine.kill('SIGTERM');
  const overdue = setTimeout(() => engine.kill('SIGKILL'), READY_DEADLINE_MS);
  await ended;
  clearTimeout(overdue);
}

/** In version 1 of each hierarchy, else in the one of version 2; empty, for its containers are gone. */
function removeGroups(group: string): void {
  const candidates = [GROUPS, ...readdirSync(GROUPS).map((name) => join(GROUPS, name))];
  for (const path of candidates.map((directory) => join(directory, group))) if (existsSync(path)) rmdirSync(path);
}

function programPath(name: string): string | undefined {
  return searchPath()
    .split(':')
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path));
}

function searchPath(): string {
  return `${process.env.PATH ?? ''}:${join(UNPACKED, 'bin')}:${join(UNPACKED, 'sbin')}`;
}
