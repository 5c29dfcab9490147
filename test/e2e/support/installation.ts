import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nodeEffects } from '../../../src/base/effects/node-effects.ts';
import { findInstance } from '../../../src/launcher/instance-groups.ts';
import { readCgroupHierarchies } from '../../../src/linux/cgroup-mounts.ts';
import { connectWorker } from '../../../src/linux/helper-worker.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');
const ENDING_MS = 60_000;

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TerminalResult {
  readonly output: string;
  readonly code: number | null;
  readonly raw: boolean;
}

/** The command with a root and a state directory of its own; `close` leaves nothing of it on the host. */
export class Installation {
  readonly directory = mkdtempSync('/tmp/isopod-e2e-');
  readonly root = join(this.directory, 'root');
  readonly state = join(this.directory, 'state');
  readonly command = join(REPOSITORY, 'isopod');

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, ISOPOD_ROOT: this.root, ISOPOD_STATE: this.state };
  }

  /** Runs `isopod WORDS`. */
  run(words: readonly string[], input?: string | Uint8Array): Promise<Result> {
    return this.#collect(this.start(words), input);
  }

  /** Runs a line of the shell, in which `isopod` is our command. */
  shell(line: string): Promise<Result> {
    const child = spawn('bash', ['-c', `isopod() { ${this.command} "$@"; }; ${line}`], { env: this.env });
    return this.#collect(child);
  }

  start(words: readonly string[]): ChildProcess {
    return spawn(this.command, [...words], { env: this.env });
  }

  /** Plays steps on a terminal; see terminal.py. */
  async terminal(words: readonly string[], steps: readonly (readonly (string | number)[])[]): Promise<TerminalResult> {
    const script = join(import.meta.dirname, 'terminal.py');
    const child = spawn('python3', [script, JSON.stringify(steps), this.command, ...words], { env: this.env });
    const { stdout, stderr } = await this.#collect(child);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as TerminalResult;
  }

  /** A run that must succeed. @returns what it printed, trimmed */
  async expect(words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(words);
    if (code !== 0) throw new Error(`isopod ${words.join(' ')} ended with ${code}: ${stderr}`);
    return stdout.trim();
  }

  async agentPid(): Promise<number> {
    return JSON.parse(await this.expect(['version', '--json'])).agent.pid;
  }

  async endAgent(): Promise<void> {
    const pid = await this.agentPid();
    process.kill(pid, 'SIGTERM');
    await until('the agent has ended', () => !existsSync(`/proc/${pid}`));
  }

  /**
   * Ends containers, agent and fork server, removes the instance's groups and the directories.
   *
   * @param beforeRemoval undoes what was mounted in them, once nobody uses them any more
   */
  async close(beforeRemoval: () => void = () => {}): Promise<void> {
    const uids = (await this.expect(['ps', '-aq'])).split('\n').filter(Boolean);
    if (uids.length > 0) await this.expect(['rm', '-f', ...uids]);
    await this.endAgent();
    await this.retireForkServer(this.state);
    const effects = nodeEffects();
    const instance = await findInstance(effects, this.root);
    for (const { mountPoint } of await readCgroupHierarchies(effects.files)) {
      const base = join(mountPoint, instance);
      if (existsSync(base)) await until(`${base} is empty`, () => removeGroups(base));
    }
    beforeRemoval();
    rmSync(this.directory, { recursive: true });
  }

  /** It would end by itself, half a minute after the last agent; an agent that ended idle has retired it. */
  async retireForkServer(state: string): Promise<void> {
    try {
      const worker = await connectWorker(nodeEffects(), join(state, 'helper.sock'));
      await worker.retire();
      worker.close();
    } catch (error) {
      if (!['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }

  #collect(child: ChildProcess, input?: string | Uint8Array): Promise<Result> {
    return new Promise((resolve, reject) => {
      let stdout = '';
      let stderr = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
      });
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, stdout, stderr }));
      child.stdin?.on('error', () => {});
      child.stdin?.end(input);
    });
  }
}

/** Waits until something holds, 60 s at most. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ENDING_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${ENDING_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** @returns whether the group and all below it are gone; the fork server that ends removes them, too */
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
