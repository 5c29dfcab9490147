import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';

export interface DetachedProgram {
  readonly binary: string;
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** File that its complaints go to; written anew. */
  readonly errorsPath: string;
  /** It is ready once something listens here. */
  readonly socketPath: string;
  readonly deadlineMs: number;
}

/** How a start went; `ended` with the last of what the program said. */
export type DetachedStart =
  | { readonly kind: 'ready' }
  | { readonly kind: 'ended'; readonly said: string }
  | { readonly kind: 'late' };

const POLL_MS = 4;
const ERROR_TAIL_BYTES = 4096;

/** Starts a program that outlives us, and waits until it listens (or another one does). */
export async function startDetached(program: DetachedProgram): Promise<DetachedStart> {
  const errors = openSync(program.errorsPath, 'w', 0o600);
  const child = spawn(program.binary, [...program.words], { stdio: ['ignore', 'ignore', errors], env: program.env });
  closeSync(errors);
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    const said = readFileSync(program.errorsPath, 'utf8').slice(-ERROR_TAIL_BYTES).trim();
    ended = said || `it ended with ${signal ?? `code ${code}`}`;
  });
  try {
    const deadline = performance.now() + program.deadlineMs;
    while (!(await listens(program.socketPath))) {
      if (ended !== undefined) return { kind: 'ended', said: ended };
      if (performance.now() > deadline) return { kind: 'late' };
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return { kind: 'ready' };
  } finally {
    child.unref();
  }
}

/** What a short program prints. Rejects with Node's error when it fails or takes longer than `deadlineMs`. */
export function outputOf(binary: string, words: readonly string[], deadlineMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(binary, words, { timeout: deadlineMs }, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
}

/** Runs a short program on our own standard input. Rejects with what it said when it fails or takes too long. */
export function runOnOurInput(binary: string, words: readonly string[], deadlineMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, words, { stdio: ['inherit', 'ignore', 'pipe'], timeout: deadlineMs });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-ERROR_TAIL_BYTES);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(said.trim() || `${binary} ended with ${signal ?? `code ${code}`}`));
    });
  });
}

function listens(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path: socketPath });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
