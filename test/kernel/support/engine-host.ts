import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nodeEffects } from '../../../src/base/effects/node-effects.ts';
import { findInstance } from '../../../src/launcher/instance-groups.ts';
import { readCgroupHierarchies } from '../../../src/linux/cgroup-mounts.ts';
import { createEngine, type Engine } from '../../../src/main/index.ts';
import type { CgroupDriverKind } from '../../../src/model/cgroup-driver.ts';
import { until } from './helper-client.ts';

const PROGRAM = join(import.meta.dirname, 'engine-program.ts');

/** Directories of one engine, opened here or in a process that can be killed; `close` leaves nothing on the host. */
export class EngineHost {
  readonly directory = mkdtempSync('/tmp/isopod-engine-');
  readonly root = join(this.directory, 'root');
  readonly state = join(this.directory, 'state');
  readonly problems: string[] = [];
  readonly #cgroupDriver: CgroupDriverKind;
  #engine: Engine | undefined;

  constructor(cgroupDriver: CgroupDriverKind = 'cgroupfs') {
    this.#cgroupDriver = cgroupDriver;
  }

  /** Opens the engine in this process. */
  async open(): Promise<Engine> {
    const report = ({ what }: { readonly what: string }): void => {
      this.problems.push(what);
    };
    const { root, state } = this;
    this.#engine = await createEngine({ root, state, cgroupDriver: this.#cgroupDriver, report });
    return this.#engine;
  }

  /** Launches shell commands by name in an engine of another process, and kills that with SIGKILL. */
  async launchAndKill(commands: Readonly<Record<string, string>>): Promise<void> {
    const words = [PROGRAM, this.root, this.state, JSON.stringify(commands), `driver=${this.#cgroupDriver}`];
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === 'launched') break;
    }
    await killed(child);
  }

  /** Launches them in an engine of another process that closes it. @returns the exit code of that process */
  launchAndClose(commands: Readonly<Record<string, string>>): Promise<number | null> {
    const words = [PROGRAM, this.root, this.state, JSON.stringify(commands), `driver=${this.#cgroupDriver}`, 'close'];
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] });
    return new Promise((resolve) => child.once('exit', resolve));
  }

  /** How many ends of containers monitors have noted that no engine has taken up yet. */
  notedEnds(): number {
    const runs = join(this.state, 'c');
    return readdirSync(runs).filter((uid) => existsSync(join(runs, uid, 'status'))).length;
  }

  /** Pid of the fork server: the one of its name and socket that is no fork of another such. */
  forkServerPid(): number {
    const socket = join(this.state, 'helper.sock');
    const pids = readdirSync('/proc').filter((entry) => {
      const words = /^\d+$/.test(entry) ? commandLine(entry) : [];
      return words[1] === 'fork-server' && words.includes(socket);
    });
    const found = pids.find((pid) => !pids.includes(String(parentOf(Number(pid)))));
    if (found === undefined) throw new Error(`no fork server of ${socket}`);
    return Number(found);
  }

  async close(): Promise<void> {
    const engine = this.#engine ?? (await this.open());
    for (const { uid } of await engine.list()) await engine.destroy(uid);
    await until('the engine is idle', () => engine.isIdle());
    await engine.close();
    const instance = await findInstance(nodeEffects(), this.root);
    for (const { mountPoint } of await readCgroupHierarchies(nodeEffects().files)) {
      const base = join(mountPoint, instance);
      await until(`${base} is gone`, () => !existsSync(base) || removeGroups(base));
    }
    rmSync(this.directory, { recursive: true });
  }
}

/** Pid of the parent, field 4 of proc_pid_stat(5); the name before it may hold anything but its end. */
export function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function commandLine(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it has just ended
  }
}

function killed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

/** The fork server that was retired removes them too: whatever is gone meanwhile is what was wanted. */
function removeGroups(group: string): boolean {
  try {
    for (const entry of readdirSync(group, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeGroups(join(group, entry.name))) return false;
    }
    rmdirSync(group);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT';
  }
}
