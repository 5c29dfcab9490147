import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import type { Engine } from '../../src/engine/facade.ts';
import { findInstance } from '../../src/launcher/instance-groups.ts';
import type { CgroupHierarchy } from '../../src/linux/cgroup-hierarchy.ts';
import { readCgroupHierarchies } from '../../src/linux/cgroup-mounts.ts';
import { createEngine } from '../../src/main/index.ts';
import { InstanceView } from '../support/instance-view.ts';
import { layeredImage } from '../support/layered-image.ts';
import { IMAGE_OPERATIONS } from './image-operations.ts';
import type { Operation, Told } from './operations.ts';
import { faultsOf, type Place, remainsOf } from './outside.ts';
import { copyRootTo, faultsOfStore, loseWhatIsNotSynced } from './store.ts';

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
  readonly #image: string;

  private constructor(parts: { directory: string; program: string; image: string; view: InstanceView }) {
    this.#directory = parts.directory;
    this.#program = parts.program;
    this.#image = parts.image;
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
    const image = layeredImage(directory, { name: 'image', layers: 3 });
    return new CrashHost({ directory, program, image, view: new InstanceView({ instance, hierarchies, directory }) });
  }

  /** How many effects an operation has; nothing is cut, and what it made is removed. */
  async effectsOf(operation: string): Promise<readonly string[]> {
    const told = await this.#playOnce(operation, 0);
    const over = told.find(({ kind }) => kind === 'over');
    if (over?.kind !== 'over') throw new Error(`${operation} did not come to its end`);
    await this.#settle(operation, told, operation);
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
    const what = `${operation}, ended before effect ${effect}`;
    if (IMAGE_OPERATIONS[operation] !== undefined) await this.#settleCopy(`${what}, then cut off`, operation);
    await this.#settle(what, told, operation);
    return told.every(({ kind }) => kind !== 'over');
  }

  async close(): Promise<void> {
    rmSync(this.#program, { force: true });
    await untilGroupsAreGone(this.view.hierarchies, this.view.instance);
    rmSync(this.#directory, { recursive: true });
  }

  async #playOnce(operation: string, effect: number): Promise<readonly Told[]> {
    if (operation !== RECOVERY) return this.#run(operation, effect);
    const before = await this.#run('before recovery', 0);
    return [...before.filter(({ kind }) => kind !== 'over'), ...(await this.#run(RECOVERY, effect))];
  }

  /** @returns what it told before its end */
  async #run(operation: string, effect: number): Promise<readonly Told[]> {
    const words = [this.#program, this.root, this.state, this.#image, operation, String(effect)];
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

  /** What was on disk at that moment, less what was not synced, is opened by an engine that knows nothing else, as after a power cut. */
  async #settleCopy(what: string, name: string): Promise<void> {
    const [root, state] = ['copy', 'copy-state'].map((part) => join(this.#directory, part)) as [string, string];
    copyRootTo(this.root, root);
    loseWhatIsNotSynced(root);
    const instance = await findInstance(nodeEffects(), root);
    const engine = await createEngine({ root, state, report: () => {} });
    try {
      for (const { uid } of await engine.list()) await engine.destroy(uid);
      await this.#goesOn(what, { root, engine, name });
    } finally {
      await engine.close();
    }
    await untilGroupsAreGone(this.view.hierarchies, instance);
    for (const path of [root, state]) rmSync(path, { recursive: true });
  }

  async #goesOn(
    what: string,
    { root, engine, name }: { readonly root: string; readonly engine: Engine; readonly name: string },
  ): Promise<void> {
    const operation: Operation | undefined = IMAGE_OPERATIONS[name];
    if (operation === undefined) return;
    const faults = await faultsOfStore(root, engine, operation, this.#image);
    if (faults.length > 0) throw new Error(`${what}:\n  ${faults.join('\n  ')}`);
  }

  async #settle(what: string, told: readonly Told[], name: string): Promise<void> {
    const problems: string[] = [];
    const engine = await createEngine({
      ...{ root: this.root, state: this.state },
      report: ({ what: problem, error }) => void problems.push(`${problem}: ${String(error)}`),
    });
    try {
      await untilNone(what, async () => faultsOf(this, await engine.list(), told), problems);
      for (const { uid } of await engine.list()) await engine.destroy(uid);
      await this.#goesOn(what, { root: this.root, engine, name });
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

async function untilGroupsAreGone(hierarchies: readonly CgroupHierarchy[], instance: string): Promise<void> {
  const deadline = performance.now() + SETTLED_MS;
  for (const { mountPoint } of hierarchies) {
    const group = join(mountPoint, instance);
    while (!removeGroups(group)) {
      if (performance.now() > deadline) throw new Error(`${group} cannot be removed`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
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
