import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Architecture } from '../../../src/linux/seccomp/architecture.ts';
import { decodeProgram, type Instruction } from '../../../src/linux/seccomp/program.ts';
import type { SelectedProfile } from '../../../src/linux/seccomp/select.ts';

/** Debian's own python3 has the bindings of python3-seccomp. */
const PYTHON = '/usr/bin/python3';

export const LIBSECCOMP_MISSING = spawnSync(PYTHON, ['-c', 'import seccomp']).status !== 0;

/** libseccomp in a process of its own, which compiles one set of rules after the other. */
export class Libseccomp {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  constructor() {
    this.#process = spawn(PYTHON, [join(import.meta.dirname, 'libseccomp.py')]);
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Those of the names that it knows; it may be older than our table. */
  async knownNames(architecture: Architecture, names: readonly string[]): Promise<ReadonlySet<string>> {
    const { known } = (await this.#ask({ architecture, names })) as { readonly known: readonly string[] };
    return new Set(known);
  }

  /** @param optimize 1 for a list of calls, 2 for a tree */
  async compile(selected: SelectedProfile, optimize: 1 | 2): Promise<readonly Instruction[]> {
    const rules = selected.rules.flatMap(({ names, action, alternatives }) =>
      names.flatMap((name) =>
        (alternatives.length === 0 ? [[]] : alternatives).map((tests) => ({
          name,
          action,
          tests: tests.map((test) => ({ ...test, value: String(test.value), mask: String(test.mask ?? 0n) })),
        })),
      ),
    );
    const { architectures, defaultAction } = selected;
    const { program } = (await this.#ask({ default: defaultAction, architectures, optimize, rules })) as {
      readonly program: string;
    };
    return decodeProgram(Buffer.from(program, 'base64'));
  }

  close(): void {
    this.#process.stdin.end();
  }

  async #ask(request: unknown): Promise<unknown> {
    this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    const { value } = await this.#answers.next();
    const answer = JSON.parse(value ?? '{"error": "it ended"}') as { readonly error?: string };
    if (answer.error !== undefined) throw new Error(`libseccomp: ${answer.error}`);
    return answer;
  }
}
