import { chmod, chown } from 'node:fs/promises';
import type { Socket } from 'node:net';

/** Node keeps the descriptor of a stream at its handle (libuv, `uv_fileno`), and tells it nowhere else. */
interface WithHandle {
  readonly _handle?: { readonly fd?: number } | null;
}

/** A descriptor of this process that is lent to a question, for as long as it stays the same socket's. */
export interface LentDescriptor {
  readonly descriptor: number;
  /** Whether it was this socket's the whole time: one that was closed may have been given to another connection. */
  isStill(): boolean;
}

/** @returns `undefined` for a socket that is closed */
export function descriptorOf(socket: Socket): LentDescriptor | undefined {
  const handle = (socket as unknown as WithHandle)._handle;
  const descriptor = handle?.fd;
  if (handle === null || descriptor === undefined || descriptor < 0) return undefined;
  return {
    descriptor,
    isStill: () => (socket as unknown as WithHandle)._handle === handle && handle?.fd === descriptor,
  };
}

/** Sets who may connect to a socket that somebody else has made. */
export async function setSocketMode(path: string, mode: number): Promise<void> {
  await chmod(path, mode);
}

/** Gives a socket to a group, whose members may connect as far as its mode says. */
export async function giveToGroup(path: string, gid: number): Promise<void> {
  await chown(path, process.getuid?.() ?? 0, gid);
}
