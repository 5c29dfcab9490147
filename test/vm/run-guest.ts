import { spawn } from 'node:child_process';

/** Signals by which somebody ends a lane, with the exit code that tells of them. */
const ENDING_SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** How a guest's process ended. */
export interface GuestEnd {
  readonly text: string;
  /** The exit code to end with, if somebody ended the lane. */
  readonly interrupted?: number;
}

/**
 * Runs a guest in a mount and a pid namespace of its own, and waits for its end. All of it ends with this process, however
 * that ends: by the deadline, by a signal, or killed, for the kernel then kills `unshare`, and with that its child, the
 * first process of the pid namespace.
 */
export async function runGuest(command: readonly string[], deadlineMs: number): Promise<GuestEnd> {
  const words = ['--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--fork', '--kill-child', ...command];
  // Nothing is ever written, but at the end of its input QEMU would drop what the guest says.
  const child = spawn('setpriv', words, { stdio: ['pipe', 'inherit', 'inherit'] });
  let why: string | undefined;
  let interrupted: number | undefined;
  const end = (reason: string): void => {
    why ??= reason;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => end(`it was killed after ${deadlineMs / 1000} s`), deadlineMs);
  const listeners = Object.entries(ENDING_SIGNALS).map(([signal, code]) => {
    const listener = (): void => {
      interrupted = code;
      end(`it was killed because of ${signal}`);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  const ended = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(`its process ended with ${code ?? signal}`));
  });
  clearTimeout(timer);
  for (const forget of listeners) forget();
  return { text: why ?? ended, ...(interrupted !== undefined && { interrupted }) };
}
