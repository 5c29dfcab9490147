import { spawn } from 'node:child_process';

export type EndedProgram =
  | { readonly code: number; readonly stdout: string }
  /** It is not on PATH, or may not be run. */
  | 'missing'
  /** It was ended when its time was over. */
  | 'late';

const MAX_OUTPUT_BYTES = 1 << 20;

/** Runs a short program on an input, for what it prints. What it complains of goes to our own stderr. */
export function runWithInput(
  program: string,
  words: readonly string[],
  { input, deadlineMs }: { readonly input: string; readonly deadlineMs: number },
): Promise<EndedProgram> {
  return new Promise((resolve) => {
    const child = spawn(program, [...words], { stdio: ['pipe', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
      // What it has started may hold the pipe open longer than it lives.
      child.stdout.destroy();
    }, deadlineMs);
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_OUTPUT_BYTES) chunks.push(chunk);
    });
    child.stdin.on('error', () => {}); // one that reads nothing tells by its code what it thinks
    child.once('error', () => {
      clearTimeout(timer);
      resolve('missing');
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve(isLate ? 'late' : { code: code ?? 1, stdout: Buffer.concat(chunks).toString('utf8') });
    });
    child.stdin.end(input);
  });
}
