import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** Runs a program to its end; its complaints go to ours. This process serves registries meanwhile, so it must not stop. */
export async function spawnedOutput(
  program: string,
  words: readonly string[],
): Promise<{ readonly stdout: string; readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [stdout, [code, signal]] = await Promise.all([
    text(child.stdout),
    once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { stdout, code, signal };
}
