import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NATIVE = join(import.meta.dirname, '../../native');
const WEAKENED = '-DISOPOD_TEST_WITHOUT_RESOLVED_PATHS';

export interface UnpackLimits {
  readonly whiteouts?: 0 | 1;
  readonly maxEntries?: number;
  readonly maxBytes?: number;
  readonly maxHeaderBytes?: number;
}

/** What the unpacker answered: `errno` 0 means unpacked. */
export interface UnpackAnswer {
  readonly errno: number;
  readonly entries: number;
  readonly bytes: number;
  readonly detail: string;
}

/** A directory of our own on the file system of /tmp, with the driver built with sanitizers in it. */
export interface UnpackBench {
  readonly directory: string;
  /** A new empty directory. */
  empty(): string;
  unpack(target: string, archive: Uint8Array, limits?: UnpackLimits): Promise<UnpackAnswer>;
  /** With `swap`, the directory of that name becomes a symlink to `outside` between the look at it and its opening. */
  removeTree(
    directory: string,
    name: string,
    swap?: { readonly name: string; readonly outside: string },
  ): { readonly errno: number; readonly detail: string };
  dispose(): void;
}

/** @param without defences that are taken away: see native/test/without.c, of which only those of paths are known here */
export function unpackBench(without: readonly 'RESOLVED_PATHS'[] = []): UnpackBench {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-unpack-'));
  const weakened = without.length === 0 ? [] : [WEAKENED, '-Wl,--wrap=syscall', 'test/without.c'];
  const driver = compile(directory, 'unpack_driver.c', ['-Wl,--wrap=unlinkat', ...weakened]);
  let count = 0;
  return {
    directory,
    empty() {
      count += 1;
      const path = join(directory, `tree-${count}`);
      mkdirSync(path);
      return path;
    },
    unpack: (target, archive, limits = {}) => runUnpack({ driver, target, archive, limits }),
    removeTree(parent, name, swap) {
      const swapped = swap === undefined ? [] : [swap.name, swap.outside];
      const answer = parseAnswer(spawnSync(driver, ['remove', parent, name, ...swapped], { encoding: 'utf8' }));
      return { errno: answer.errno, detail: answer.detail };
    },
    dispose: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function compile(directory: string, source: string, linking: readonly string[] = []): string {
  const program = join(directory, source.replace('.c', ''));
  const unpack = readdirSync(join(NATIVE, 'unpack')).filter((name) => name.endsWith('.c'));
  const sources = [
    join('test', source),
    'test/stand_ins.c',
    'file_access.c',
    ...unpack.map((name) => join('unpack', name)),
  ];
  const flags = ['-std=gnu17', '-D_GNU_SOURCE=', '-O1', '-g', '-Wall', '-Wextra', '-Werror'];
  const sanitizers = linking.includes(WEAKENED) ? [] : ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  const run = spawnSync('gcc', [...flags, ...sanitizers, ...linking, '-o', program, ...sources], {
    cwd: NATIVE,
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`gcc refuses ${source}: ${run.stderr}`);
  return program;
}

interface UnpackRun {
  readonly driver: string;
  readonly target: string;
  readonly archive: Uint8Array;
  readonly limits: UnpackLimits;
}

function runUnpack({ driver, target, archive, limits }: UnpackRun): Promise<UnpackAnswer> {
  const { whiteouts = 0, maxEntries = 100_000, maxBytes = 1 << 30, maxHeaderBytes = 1 << 20 } = limits;
  const child = spawn(driver, ['unpack', target, ...[whiteouts, maxEntries, maxBytes, maxHeaderBytes].map(String)], {
    timeout: 50_000,
  });
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => {
      stdout += text;
      // As the agent does once it knows: what is left of the archive is not sent.
      if (stdout.startsWith('failed')) child.stdin.destroy();
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      try {
        resolve(parseAnswer({ status, stdout, stderr }));
      } catch (error) {
        reject(error);
      }
    });
    child.stdin.on('error', () => {});
    child.stdin.end(archive);
  });
}

function parseAnswer(run: { status: number | null; stdout: string; stderr: string }): UnpackAnswer {
  if (run.status !== 0) throw new Error(`the driver ended with ${run.status}: ${run.stderr}`);
  const [word = '', first = '', second = '', ...rest] = run.stdout.replace(/\n$/, '').split(' ');
  if (word === 'failed') return { errno: Number(first), entries: Number(second), bytes: 0, detail: rest.join(' ') };
  return { errno: 0, entries: Number(first), bytes: Number(second), detail: '' };
}
