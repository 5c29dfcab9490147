/** The units that this repository ships, installed as docs/service.md says, in a guest that is ours alone. */
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from '../../e2e/support/installation.ts';
import { systemctl } from './systemd-view.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');
const UNITS = ['isopod.service', 'isopod.socket'];
const SYSTEM_UNITS = '/etc/systemd/system';
const COMMAND = '/usr/local/bin/isopod';
const POLL_MS = 200;
/** Emulated, a command takes seconds; one that waits for a container must have been told to end it. */
const RUN_DEADLINE_MS = 120_000;

/** This version, and one that run-lane.ts builds from the same sources with higher numbers. */
export const VERSIONS = { this: REPOSITORY, next: join(REPOSITORY, '.build', 'next-version') } as const;

export function installCommand(directory: string): void {
  rmSync(COMMAND, { force: true });
  symlinkSync(join(directory, 'isopod'), COMMAND);
}

export function installUnits(): void {
  for (const unit of UNITS) copyFileSync(join(REPOSITORY, 'packaging', unit), join(SYSTEM_UNITS, unit));
}

export function removeService(): void {
  execFileSync('sh', ['-c', `systemctl disable --now ${UNITS.join(' ')} 2>&1; systemctl reset-failed 2>&1; true`]);
  for (const unit of UNITS) rmSync(join(SYSTEM_UNITS, unit), { force: true });
  rmSync(COMMAND, { force: true });
  systemctl('daemon-reload');
}

/** What systemd says of the agent's unit. */
export function serviceProperty(name: string): string {
  return systemctl('show', 'isopod.service', '-p', name, '--value');
}

export function mainPid(): number {
  return Number(serviceProperty('MainPID'));
}

/** Runs the installed command. */
export function isopod(words: readonly string[]): Promise<Result> {
  return run([COMMAND, ...words]);
}

export async function expectIsopod(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await isopod(words);
  if (code !== 0) throw new Error(`isopod ${words.join(' ')} ended with ${code}: ${stderr}`);
  return stdout.trim();
}

/** Ends when told, by a file, and prints until then, so that who attaches sees something. */
export class Waiting {
  readonly name: string;
  readonly #endFile: string;

  constructor(name: string) {
    this.name = name;
    this.#endFile = `/tmp/end-${name}`;
  }

  /** @returns its pid */
  async start(): Promise<number> {
    rmSync(this.#endFile, { force: true });
    const script = `while [ ! -e ${this.#endFile} ]; do echo tick; sleep 0.5; done; echo said; exit 7`;
    await expectIsopod('run', '-d', '--name', this.name, '--no-image', '--', 'sh', '-c', script);
    return this.pid();
  }

  async pid(): Promise<number> {
    return JSON.parse(await expectIsopod('inspect', this.name))[0].pid;
  }

  end(): void {
    execFileSync('touch', [this.#endFile]);
  }

  /** Attaches, and ends it once its output is seen. @returns what came, and the exit code of `isopod attach` */
  attachAndEnd(): Promise<Result> {
    return run([COMMAND, 'attach', '--no-stdin', this.name], (text) => {
      if (text.includes('tick')) this.end();
    });
  }
}

/** Runs a program to its end. @param seen is given all that came so far, each time something came */
export function run(words: readonly string[], seen: (stdout: string) => void = () => {}): Promise<Result> {
  const [program = '', ...rest] = words;
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${words.join(' ')} took over ${RUN_DEADLINE_MS} ms, and said ${stdout}${stderr}`));
    }, RUN_DEADLINE_MS);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      seen(stdout);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(late);
      resolve({ code, stdout, stderr });
    });
  });
}

/** Waits for a condition in an emulated guest, where all takes its time. */
export async function within(seconds: number, what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export const HAS_SYSTEMD = existsSync('/run/systemd/system');
