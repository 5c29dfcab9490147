import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { findInstance } from '../../src/launcher/instance-groups.ts';
import { readCgroupHierarchies } from '../../src/linux/cgroup-mounts.ts';
import { AgentApi } from '../support/agent-api.ts';
import { InstanceView } from '../support/instance-view.ts';

const BUNDLE = join(import.meta.dirname, '..', '..', '.build', 'isopod.cjs');
const READY_MS = 30_000;
const ENDING_MS = 40_000;

/** The shipped agent with directories of its own, killed and started again as often as one likes; `close` leaves nothing. */
export class SoakedAgent {
  readonly root: string;
  readonly state: string;
  readonly view: InstanceView;
  readonly #directory: string;
  #api: AgentApi;
  #process: ChildProcess | undefined;

  private constructor(directory: string, view: InstanceView) {
    this.#directory = directory;
    this.view = view;
    this.root = join(directory, 'root');
    this.state = join(directory, 'state');
    this.#api = new AgentApi(join(this.state, 'agent.sock'));
  }

  static async start(): Promise<SoakedAgent> {
    const directory = mkdtempSync('/tmp/isopod-soak-');
    mkdirSync(join(directory, 'root'), { mode: 0o700 });
    const effects = nodeEffects();
    const instance = await findInstance(effects, join(directory, 'root'));
    const hierarchies = await readCgroupHierarchies(effects.files);
    const agent = new SoakedAgent(directory, new InstanceView({ instance, hierarchies, directory }));
    await agent.#start();
    return agent;
  }

  get api(): AgentApi {
    return this.#api;
  }

  /** Resident memory, in KiB. */
  residentKib(): number {
    const status = readFileSync(`/proc/${this.#process?.pid}/status`, 'utf8');
    return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1] ?? 0);
  }

  /** kill -9, and the next one; resolves when that serves. @returns how long it was until then */
  async killAndRestart(): Promise<number> {
    const begun = performance.now();
    await this.#end('SIGKILL');
    await this.#start();
    return performance.now() - begun;
  }

  async close(): Promise<void> {
    await this.#end('SIGTERM');
    const deadline = performance.now() + ENDING_MS; // the fork server ends half a minute after the last agent
    for (const { mountPoint } of this.view.hierarchies) {
      const group = join(mountPoint, this.view.instance);
      while (!removeGroups(group)) {
        if (performance.now() > deadline) throw new Error(`${group} cannot be removed`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    rmSync(this.#directory, { recursive: true });
  }

  async #start(): Promise<void> {
    const words = [BUNDLE, '--root', this.root, '--state', this.state, 'agent'];
    this.#process = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#api = new AgentApi(join(this.state, 'agent.sock'));
    const deadline = performance.now() + READY_MS;
    for (;;) {
      const answer = await this.#api.call('GET', '/v1/containers').catch(() => undefined);
      if (answer?.status === 200) return;
      if (performance.now() > deadline) throw new Error(`no agent serves within ${READY_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
    this.#api.close();
  }
}

/** @returns whether it is gone; the fork server that ends removes it, too */
function removeGroups(group: string): boolean {
  try {
    const below = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    if (!below.every(({ name }) => removeGroups(join(group, name)))) return false;
    rmdirSync(group);
    return true;
  } catch {
    return !existsSync(group);
  }
}
