import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { instanceName } from '../../src/launcher/placement.ts';
import { readCgroupHierarchies } from '../../src/linux/cgroup-mounts.ts';
import type { Termination } from '../../src/model/exit-status.ts';
import { makeBusyboxLayout } from '../bench/busybox-image.ts';
import { Installation, until } from '../e2e/support/installation.ts';
import { AgentApi } from './agent-api.ts';
import { InstanceView, isAlive, recordLockHolder } from './instance-view.ts';

/** A container as the API tells it; what tests look at. */
export interface ContainerJson {
  readonly uid: string;
  readonly name: string;
  readonly state: string;
  readonly pid: number | null;
  readonly command: readonly string[];
  readonly isolators: readonly string[];
  readonly termination: Termination | null;
  readonly sandboxDir: string;
  readonly logDir: string;
}

export interface LaunchedJson {
  readonly status: ContainerJson;
  readonly stream: { readonly socketPath: string; readonly ticket: string } | null;
}

const WAIT_MS = 30_000;
/** A script that writes numbered lines until the file `$1` appears, and then goes on. */
export const WRITER = 'i=0; while [ ! -e "$1" ]; do i=$((i+1)); echo "line $i"; sleep 0.05; done; ';

/** That a log of `WRITER` is whole: no line is missing, none is doubled. */
export function expectNumbered(lines: readonly string[], least: number): void {
  expect(lines.length).toBeGreaterThanOrEqual(least);
  expect(lines.findIndex((line, index) => line !== `line ${index + 1}`)).toBe(-1);
}

/**
 * An installation whose processes a test may kill: knows who is who from outside, and at the end proves that nothing
 * is left of it. `close` cleans up in any case, and then fails when there was something to clean.
 */
export class IsopodHost extends Installation {
  readonly view: InstanceView;
  #flags = 0;
  readonly api = new AgentApi(join(this.state, 'agent.sock'));

  private constructor(view: (directory: string, root: string) => InstanceView) {
    super();
    mkdirSync(this.root, { mode: 0o700 });
    this.view = view(this.directory, this.root);
  }

  static async make(): Promise<IsopodHost> {
    const hierarchies = await readCgroupHierarchies(nodeEffects().files);
    return new IsopodHost(
      (directory, root) => new InstanceView({ instance: instanceOf(root), hierarchies, directory }),
    );
  }

  /** The agent that serves now; `undefined` when there is none. Asks nobody: any command would start one. */
  livingAgent(): number | undefined {
    const file = join(this.state, 'agent.lock');
    const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    return pid > 0 && isAlive(pid) ? pid : undefined;
  }

  /** The fork server that serves now. */
  forkServer(): number | undefined {
    return recordLockHolder(join(this.state, 'helper.sock.lock'));
  }

  /** Starts an agent as any command does. @returns its pid */
  async startAgent(): Promise<number> {
    return this.agentPid();
  }

  /** kill -9 of the agent; returns once it is gone. */
  async killAgent(): Promise<void> {
    const pid = this.livingAgent();
    if (pid === undefined) throw new Error('there is no agent to kill');
    this.api.close();
    await this.killProcess(pid);
  }

  /** kill -9 of the fork server, once there is one; returns once it is gone. */
  async killForkServer(): Promise<void> {
    await until('there is a fork server', () => this.forkServer() !== undefined);
    const pid = this.forkServer();
    if (pid !== undefined) await this.killProcess(pid);
  }

  async killMonitor(id: string): Promise<void> {
    const pid = this.view.monitorOf(id);
    if (pid === undefined) throw new Error(`${id} has no monitor to kill`);
    await this.killProcess(pid);
  }

  /** SIGKILL to one process; returns once it is gone. */
  async killProcess(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    await until(`process ${pid} is gone`, () => !isAlive(pid));
  }

  /** An image reference of one static busybox; made at the first call, needs the package busybox-static. */
  busyboxImage(): string {
    const directory = join(this.directory, 'busybox');
    if (!existsSync(directory)) {
      mkdirSync(directory);
      makeBusyboxLayout(directory);
    }
    return `oci:${join(directory, 'layout')}:latest`;
  }

  /** A path that is not there yet, for processes to wait for. */
  flag(): string {
    this.#flags += 1;
    return join(this.directory, `flag-${this.#flags}`);
  }

  /** Runs a script of the shell on the host's own files, in the background, by the command line. @returns the uid */
  runDetached(name: string, script: string, options: readonly string[] = []): Promise<string> {
    return this.expect(['run', '-d', '--name', name, ...options, '--no-image', '/bin/sh', '-c', script]);
  }

  async inspect(name: string): Promise<ContainerJson> {
    return JSON.parse(await this.expect(['inspect', name]))[0];
  }

  async loggedLines(name: string): Promise<readonly string[]> {
    return (await this.expect(['logs', name])).split('\n');
  }

  launch(request: Readonly<Record<string, unknown>>): Promise<LaunchedJson> {
    return this.api.expect('POST', '/v1/containers', { rootfs: { kind: 'none' }, ...request });
  }

  /** The same by the API, which takes a fraction of the time. */
  async launchScript(name: string, script: string, request: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const { status } = await this.launch({ name, command: ['/bin/sh', '-c', script], ...request });
    return status.uid;
  }

  list(): Promise<readonly ContainerJson[]> {
    return this.api.expect('GET', '/v1/containers');
  }

  async wait(id: string): Promise<Termination> {
    const path = `/v1/containers/${id}/wait?timeoutMs=${WAIT_MS}`;
    const { termination } = await this.api.expect<{ readonly termination: Termination | null }>('GET', path);
    if (termination === null) throw new Error(`${id} did not end within ${WAIT_MS} ms`);
    return termination;
  }

  async removeAll(): Promise<void> {
    for (const { uid } of await this.list()) {
      const { status, body } = await this.api.call('DELETE', `/v1/containers/${uid}?force=true`);
      // One that goes with its end may be gone by itself since it was listed.
      if (status >= 300 && status !== 404) throw new Error(`DELETE ${uid}: ${status} ${JSON.stringify(body)}`);
    }
  }

  /** What is left of any container: processes, groups, sockets, directories. Nothing, when all were removed. */
  containerRemains(): readonly string[] {
    const { groups, files } = this.view.snapshot();
    return [
      ...groups.filter((path) => path.includes('/containers/')),
      ...files.filter((line) => /\/(root\/containers|state\/c|state\/s)\//.test(line)),
      ...this.view
        .processes()
        .filter(({ command }) => command.startsWith('isopod-helper monitor'))
        .map(({ pid, command }) => `${pid} ${command}`),
    ];
  }

  /** Removes all containers, ends agent and fork server, removes the directories. Fails when anything was left. */
  override async close(): Promise<void> {
    const faults: unknown[] = [];
    try {
      await this.#endInOrder();
    } catch (error) {
      faults.push(error);
    }
    this.api.close();
    const left = [...this.view.processes().map(({ pid, command }) => `process ${pid} ${command}`)];
    left.push(...this.view.groups(), ...this.view.snapshot().mounts);
    await this.#endByForce();
    if (left.length > 0) faults.push(new Error(`left behind:\n${left.join('\n')}`));
    if (faults.length > 0) throw new AggregateError(faults, faults.map(String).join('\n'));
  }

  async #endInOrder(): Promise<void> {
    await this.agentPid();
    await this.removeAll();
    await until('nothing is left of any container', () => this.containerRemains().length === 0).catch(() => {
      throw new Error(`left of containers that were removed:\n${this.containerRemains().join('\n')}`);
    });
    const pid = await this.agentPid();
    this.api.close();
    process.kill(pid, 'SIGTERM');
    await until('the agent has ended', () => !isAlive(pid));
    await this.retireForkServer(this.state);
    await until('all processes have ended', () => this.view.processes().length === 0);
    await until('all groups are gone', () => this.view.groups().length === 0);
  }

  async #endByForce(): Promise<void> {
    await until('every process is dead', () => {
      const pids = this.view.processes().map(({ pid }) => pid);
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      return pids.length === 0;
    });
    for (const { mountPoint } of this.view.hierarchies) removeGroups(join(mountPoint, this.view.instance));
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Runs `isopod WORDS` as a member of these groups. @throws when it does not succeed */
  async runInGroups(groups: readonly string[], words: readonly string[]): Promise<void> {
    const helper = join(import.meta.dirname, '..', '..', '.build', 'isopod-helper');
    const child = spawn(helper, ['enter', ...groups, '--', this.command, ...words], { env: this.env, stdio: 'ignore' });
    const code = await new Promise((resolve) => child.once('exit', resolve));
    if (code !== 0) throw new Error(`isopod ${words.join(' ')} ended with ${code}`);
  }
}

function removeGroups(group: string): void {
  if (!existsSync(group)) return;
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroups(join(group, entry.name));
  }
  rmdirSync(group);
}

function instanceOf(root: string): string {
  const { dev, ino } = statSync(root);
  return instanceName({ device: BigInt(dev), inode: BigInt(ino), path: realpathSync(root) });
}
