import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { findInstance } from '../../src/launcher/instance-groups.ts';
import { readCgroupHierarchies } from '../../src/linux/cgroup-mounts.ts';
import { createEngine } from '../../src/main/index.ts';
import { InstanceView } from '../support/instance-view.ts';
import type { Told } from './operations.ts';
import { faultsOf, type Place, remainsOf } from './outside.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
/** A program that neither ends nor is ended hangs. */
const PROGRAM_MS = 60_000;
/** What an engine that was ended left is put right within this. */
const SETTLED_MS = 30_000;

export const RECOVERY = 'recovery';

/** Directories of one engine after the other, and the program that is ended in them; `close` leaves nothing. */
export class CrashHost implements Place {
  readonly root: string;
  readonly state: string;
  readonly view: InstanceView;
  readonly #directory: string;
  readonly #program: string;

  private constructor(parts: { directory: string; program: string; view: InstanceView }) {
    this.#directory = parts.directory;
    this.#program = parts.program;
    this.view = parts.view;
    this.root = join(parts.directory, 'root');
    this.state = join(parts.directory, 'state');
  }

  static async make(): Promise<CrashHost> {
    const directory = mkdtempSync('/tmp/isopod-crash-');
    const effects = nodeEffects();
    await effects.files.makeDirectory(join(directory, 'root'));
    const instance = await findInstance(effects, join(directory, 'root'));
    const hierarchies = await readCgroupHierarchies(effects.files);
    // A bundle beside the helper: it starts in a third of the time, and there are hundreds.
    const program = join(REPOSITORY, '.build', `crash-program-${process.pid}.cjs`);
    await build({
      entryPoints: [join(import.meta.dirname, 'program.ts')],
      ...{ outfile: program, bundle: true, platform: 'node', target: 'node24', format: 'cjs', logLevel: 'error' },
      define: { 'import.meta.dirname': '__dirname' },
    });
    return new CrashHost({ directory, program, view: new InstanceView({ instance, hierarchies, directory }) });
  }

  /** How many effects an operation has; nothing is cut, and what it made is removed. */
  async effectsOf(operation: string): Promise<readonly string[]> {
    const told = await this.#playOnce(operation, 0);
    const over = told.find(({ kind }) => kind === 'over');
    if (over?.kind !== 'over') throw new Error(`${operation} did not come to its end`);
    await this.#settle(operation, told);
    return over.effects;
  }

  /**
   * Ends the program before one effect of an operation, opens another engine, and compares all with what is on the host.
   *
   * @returns whether the effect was met: another run may have fewer
   * @throws {Error} naming the point and what is wrong
   */
  async crashBefore(operation: string, effect: number): Promise<boolean> {
    const told = await this.#playOnce(operation, effect);
    await this.#settle(`${operation}, ended before effect ${effect}`, told);
    return told.every(({ kind }) => kind !== 'over');
  }

  async close(): Promise<void> {
    rmSync(this.#program, { force: true });
    const deadline = performance.now() + SETTLED_MS;
    for (const { mountPoint } of this.view.hierarchies) {
      const group = join(mountPoint, this.view.instance);
      while (!removeGroups(group)) {
        if (performance.now() > deadline) throw new Error(`${group} cannot be removed`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    rmSync(this.#directory, { recursive: true });
  }

  async #playOnce(operation: string, effect: number): Promise<readonly Told[]> {
    if (operation !== RECOVERY) return this.#run(operation, effect);
    const before = await this.#run('before recovery', 0);
    return [...before.filter(({ kind }) => kind !== 'over'), ...(await this.#run(RECOVERY, effect))];
  }

  /** @returns what it told before its end */
  async #run(operation: string, effect: number): Promise<readonly Told[]> {
    const words = [this.#program, this.root, this.state, operation, String(effect)];
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const late = setTimeout(() => child.kill('SIGABRT'), PROGRAM_MS);
    const signal = await new Promise((resolve) => child.once('close', (_code, by) => resolve(by)));
    clearTimeout(late);
    if (signal !== 'SIGKILL') throw new Error(`the program of ${operation}, effect ${effect}, ended with ${signal}`);
    return said.split('\n').filter(Boolean).map(parseTold);
  }

  async #settle(what: string, told: readonly Told[]): Promise<void> {
    const problems: string[] = [];
    const engine = await createEngine({
      ...{ root: this.root, state: this.state },
      report: ({ what: problem, error }) => void problems.push(`${problem}: ${String(error)}`),
    });
    try {
      await untilNone(what, async () => faultsOf(this, await engine.list(), told), problems);
      for (const { uid } of await engine.list()) await engine.destroy(uid);
      await untilNone(`${what}, all destroyed`, async () => remainsOf(this), problems);
    } finally {
      for (const { uid } of await engine.list()) await engine.destroy(uid).catch(() => {}); // the fault is told
      await engine.close();
    }
  }
}

function parseTold(line: string): Told {
  return JSON.parse(line) as Told;
}

async function untilNone(
  what: string,
  faults: () => Promise<readonly string[]>,
  problems: readonly string[],
): Promise<void> {
  const deadline = performance.now() + SETTLED_MS;
  for (;;) {
    const found = await faults();
    if (found.length === 0) return;
    if (performance.now() > deadline) throw new Error(`${what}:\n  ${[...found, ...problems].join('\n  ')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
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
