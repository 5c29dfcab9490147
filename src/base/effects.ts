/**
 * The effects port: the one door to files, the helper, the clock and randomness.
 *
 * Everything above this layer receives an {@link Effects} and never touches `node:fs`, a socket to the helper,
 * `Date.now` or `Math.random` itself. That is what lets the simulation run the engine on a fake kernel, count the
 * effects of an operation and crash at each of them.
 */
export interface Effects {
  readonly files: Files;
  readonly helper: HelperPort;
  readonly services: ServiceManager;
  readonly clock: Clock;
  readonly random: Random;
}

/** How durable a write must be: `volatile` survives a killed process, `synced` also a power cut. */
export type Durability = 'volatile' | 'synced';

export interface DeviceNode {
  readonly kind: 'block' | 'character';
  readonly major: number;
  readonly minor: number;
}

export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly sizeBytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly device: bigint;
  /** What a device node stands for. */
  readonly node?: DeviceNode;
  readonly inode: bigint;
  readonly mtimeMs: number;
}

export interface WriteOptions {
  /** Permission bits of the new file; default 0o600. */
  readonly mode?: number;
  /** Default `volatile`. */
  readonly durability?: Durability;
}

/** Begins the names of files that are not finished; a start sweeps what a crash left of them. */
export const TEMPORARY_PREFIX = '.tmp-';

/** A file that is being written under a temporary name; nothing is visible until `commit`. */
export interface FileWriter {
  /** Appends; resolves when the bytes were handed to the kernel (so callers get backpressure). */
  write(bytes: Uint8Array): Promise<void>;
  /** Syncs when asked, then renames the file to `path`. */
  commit(path: string, durability: Durability): Promise<void>;
  /** Closes and removes the temporary file; a second call does nothing. */
  abort(): Promise<void>;
}

/** A file that grows in place: what it held stays, and what is written is there even if we are killed before its end. */
export interface FileAppender {
  /** Appends; resolves when the kernel has the bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** A second call does nothing. */
  close(): Promise<void>;
}

/**
 * Files that the engine owns (its root and state directories, cgroupfs, procfs). Never a path that a container or an
 * image can influence: those go through the helper by file descriptor.
 *
 * Every method rejects with Node's system error (`code` is `ENOENT` and so on) when the kernel refuses.
 */
export interface Files {
  readText(path: string): Promise<string>;
  readBytes(path: string): Promise<Uint8Array>;
  /** Bytes `[start, end)` of a file, in chunks of at most 64 KiB; `end` defaults to the end of the file. */
  readStream(path: string, range?: { readonly start?: number; readonly end?: number }): AsyncIterable<Uint8Array>;
  /** Writes beside `path` and renames over it: readers see the old content or the new, never a part. */
  writeAtomic(path: string, content: string | Uint8Array, options?: WriteOptions): Promise<void>;
  /** Writes in place with a single write(2), as kernel interface files need; the file must exist. */
  writeKernelFile(path: string, content: string): Promise<void>;
  /** Opens a temporary file in `directory` for a large content. */
  openWriter(directory: string, mode?: number): Promise<FileWriter>;
  /** Opens a file to write at its end; made when missing. Default mode 0o600. */
  openAppender(path: string, mode?: number): Promise<FileAppender>;
  list(directory: string): Promise<readonly string[]>;
  status(path: string): Promise<FileStatus>;
  exists(path: string): Promise<boolean>;
  /** What the file system at a path holds and has left, as statfs(2) tells it. */
  space(path: string): Promise<{ readonly totalBytes: number; readonly freeBytes: number }>;
  realPath(path: string): Promise<string>;
  /** What a symbolic link says, unresolved: `mnt:[4026531832]` for one of procfs. */
  readLink(path: string): Promise<string>;
  /**
   * Makes one directory; with `parents` also the missing ones above it, and an existing one is fine and left as it is. The mode
   * is the one that is asked for, whatever our umask.
   */
  makeDirectory(path: string, options?: { readonly mode?: number; readonly parents?: boolean }): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  /** Syncs the directory entry table itself. */
  syncDirectory(path: string): Promise<void>;
  /** Calls `changed` when the file or a direct entry of the directory changes, until the signal aborts. */
  watch(path: string, changed: () => void, signal: AbortSignal): void;
}

/** One frame on a connection to the helper or to a monitor; `type` is a value of `MESSAGE` in model/wire.ts. */
export interface Frame {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** A framed, ordered, two-way connection to one helper process. */
export interface HelperConnection {
  /** Queues a frame; resolves once the socket took it, rejects with `EPIPE` when the other side is gone. */
  send(type: number, payload?: Uint8Array): Promise<void>;
  /** After the request that asks for it, raw bytes without frames (a tar stream); same backpressure. */
  sendRaw(bytes: Uint8Array): Promise<void>;
  /** Ends our side (half-close); frames can still arrive. */
  end(): void;
  /** The next frame; `undefined` once the other side has closed. Rejects when the signal aborts. */
  receive(signal?: AbortSignal): Promise<Frame | undefined>;
  /** Drops the connection at once. A second call does nothing. */
  close(): void;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
}

export interface HelperPort {
  /** Connects to a unix stream socket: the fork server's, or a monitor's. Rejects with ENOENT or ECONNREFUSED. */
  connect(socketPath: string, signal?: AbortSignal): Promise<HelperConnection>;
  /** Starts a fork server that listens on `socketPath`, detached from us; resolves when it listens. */
  startForkServer(options: ForkServerOptions): Promise<void>;
  /**
   * Kills the fork server of this socket, which need not answer; its monitors go on. Resolves once it is gone.
   *
   * @returns false when there is none that we can see
   */
  endForkServer(socketPath: string): Promise<boolean>;
}

export interface ForkServerOptions {
  /** Path of the helper binary. */
  readonly binary: string;
  readonly socketPath: string;
  /** Cgroup directories (one per hierarchy) that the fork server and its monitors live in. */
  readonly cgroups: readonly string[];
  /** File that its complaints are appended to. */
  readonly logPath: string;
  /** At its end it removes what is empty of its groups' parents, if it gets this lock; absent: it leaves them. */
  readonly instanceLock?: string;
}

/** One property of a unit, as D-Bus carries it: a signature of its types, and a value of them. */
export interface UnitProperty {
  readonly name: string;
  readonly signature: string;
  readonly value: UnitValue;
}

/** Numbers and `bigint` for the integers, lists for arrays and structs. */
export type UnitValue = string | number | bigint | boolean | readonly UnitValue[];

/**
 * The service manager of this host: systemd, asked over D-Bus.
 *
 * Every method rejects with an error whose `code` is the name of the D-Bus error, or that of a system error where
 * nobody could be asked (`ENOENT`, `ECONNREFUSED`, `ETIMEDOUT`).
 */
export interface ServiceManager {
  /** Makes a transient scope around processes that are there; resolves once it is active. */
  startScope(
    name: string,
    scope: { readonly pids: readonly number[]; readonly properties: readonly UnitProperty[] },
  ): Promise<void>;
  /** Until the unit ends; all of them, or when one is refused none. */
  setUnitProperties(name: string, properties: readonly UnitProperty[]): Promise<void>;
  /** Ends what is in a unit, and forgets that it failed; resolves once it is inactive. A missing unit is fine. */
  stopUnit(name: string): Promise<void>;
  /** Lets the connection go; the next call makes another. */
  close(): void;
}

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  nowMs(): number;
  /** Milliseconds that never jump. */
  monotonicMs(): number;
  /** Resolves after `delayMs`, rejects with the signal's reason when it aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` once, after `delayMs`. @returns what cancels that; cheap, so that every wait can have its deadline */
  after(delayMs: number, run: () => void): () => void;
}

export interface Random {
  bytes(count: number): Uint8Array;
}
