import { FakeDisk, systemError } from './fake-disk.ts';
import type { FakeMonitor } from './fake-monitor.ts';
import type { Scheduler } from './scheduler.ts';

/** Where things are in the simulated world. */
export const WORLD = {
  rootDir: '/var/lib/isopod',
  stateDir: '/run/isopod',
  helperSocket: '/run/isopod/helper.sock',
  cgroupMount: '/cg',
  instance: 'isopod-simulated',
  slice: 'isopod.slice',
  bootIdFile: '/proc/sys/kernel/random/boot_id',
} as const;

export const SIGKILL = 9;
/** What every container uses: a lower memory.max would kill. */
export const MEMORY_IN_USE = 8 << 20;

/** A process in a container. */
export interface FakeProcess {
  readonly pid: number;
  readonly startTime: bigint;
  readonly group: string;
  /** What `argv` says it does; a session's group is its container's. */
  readonly isInit: boolean;
  /** The init of the pid namespace around its own: with that one it ends. */
  readonly inside: FakeProcess | undefined;
  waitStatus: number | undefined;
  onEnd: (waitStatus: number) => void;
  onSignal: (signal: number) => void;
}

/** A transient scope; it ends when nothing is in it any more. */
export interface FakeUnit {
  readonly group: string;
  /** The engine whose worker holds it. */
  holder: { readonly isAlive: boolean } | undefined;
  readonly properties: Map<string, unknown>;
}

/** Processes, groups and the disk: what outlives engines, monitors and fork servers. */
export class FakeKernel {
  readonly scheduler: Scheduler;
  readonly disk = new FakeDisk();
  /** Cgroups by path. */
  readonly groups = new Set<string>();
  /** What was written to files of groups, by path. */
  readonly knobs = new Map<string, string>();
  /** Groups that stand still, with the ends of their processes that wait until they go on. */
  readonly frozen = new Map<string, (() => void)[]>();
  readonly processes = new Map<number, FakeProcess>();
  readonly units = new Map<string, FakeUnit>();
  /** The engine that runs now, and that a worker which enters a scope belongs to. */
  engine: { readonly isAlive: boolean } | undefined;
  readonly monitors = new Set<FakeMonitor>();
  /** Wait statuses of every container's init that has ended, by uid: the truth. One that is started again has several. */
  readonly truth = new Map<string, number[]>();
  isForkServerAlive = false;
  /** What an engine must never do, and has done. */
  readonly faults: string[] = [];
  /** How often somebody connected to a port of a container. */
  triedPorts = 0;
  #bootNumber = 1;
  #nextNumber = 1000;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
    this.disk.makeDirectories(WORLD.rootDir);
    this.disk.makeDirectories(WORLD.stateDir);
    for (const path of ['/', '/var', '/var/lib']) this.disk.syncDirectory(path);
  }

  uniqueNumber(): number {
    this.#nextNumber += 1;
    return this.#nextNumber;
  }

  /** procfs and cgroupfs; `undefined` for a path of the disk. */
  readKernelFile(path: string): string | undefined {
    const pid = /^\/proc\/(\d+)\/stat$/.exec(path)?.[1];
    if (pid !== undefined) return this.#statOf(Number(pid));
    if (path === WORLD.bootIdFile) return `boot-${this.#bootNumber}\n`;
    if (!path.startsWith(`${WORLD.cgroupMount}/`)) return undefined;
    const group = path.slice(0, path.lastIndexOf('/'));
    const file = path.slice(group.length + 1);
    if (!this.groups.has(group)) throw systemError('ENOENT', path);
    if (file === 'cgroup.freeze') return this.frozen.has(group) ? '1\n' : '0\n';
    if (file === 'memory.current') return `${MEMORY_IN_USE}\n`;
    if (file !== 'cgroup.procs') return `${this.knobs.get(path) ?? 'max'}\n`;
    return this.members(group)
      .map(({ pid }) => `${pid}\n`)
      .join('');
  }

  /** Only what the engine looks at: pid, and when it was started. */
  #statOf(pid: number): string {
    const process = this.processes.get(pid);
    if (process === undefined) throw systemError('ENOENT', `/proc/${pid}/stat`);
    return `${pid} (init) S ${Array.from({ length: 18 }, () => 0).join(' ')} ${process.startTime}`;
  }

  /** Whether a group stands still, by itself or with one above it. */
  isFrozen(path: string): boolean {
    return [...this.frozen.keys()].some((group) => path === group || path.startsWith(`${group}/`));
  }

  listGroups(path: string): readonly string[] | undefined {
    if (!path.startsWith(`${WORLD.cgroupMount}/`)) return undefined;
    const prefix = `${path}/`;
    return [...this.groups]
      .filter((group) => group.startsWith(prefix) && !group.slice(prefix.length).includes('/'))
      .map((group) => group.slice(prefix.length));
  }

  /** Refuses a swap limit that is no even number, so that an update may fail half way. */
  writeKnob(path: string, value: string): void {
    const group = path.slice(0, path.lastIndexOf('/'));
    if (group !== WORLD.cgroupMount && !this.groups.has(group)) throw systemError('ENOENT', path);
    const held = [...this.units.values()].find((unit) => `${unit.group}/holder` === group);
    if (held !== undefined && path.endsWith('/cgroup.procs')) held.holder = this.engine;
    if (path.endsWith('/memory.swap.max') && Number(value) % 2 === 1) throw systemError('EINVAL', path);
    if (path.endsWith('/memory.max') && Number(value) < MEMORY_IN_USE) this.killGroup(group);
    this.knobs.set(path, value);
  }

  freezeGroup(path: string): void {
    if (!this.groups.has(path)) throw systemError('ENOENT', path);
    if (!this.frozen.has(path)) this.frozen.set(path, []);
  }

  thawGroup(path: string): void {
    if (!this.groups.has(path)) throw systemError('ENOENT', path);
    const ends = this.frozen.get(path) ?? [];
    this.frozen.delete(path);
    for (const end of ends) end();
  }

  /** @returns `undefined` where the scope is gone that it is to be in: that is systemd's to make */
  makeContainerGroup(path: string): string | undefined {
    const scope = /^.*\.scope(?=\/)/.exec(path)?.[0];
    if (scope !== undefined && !this.groups.has(scope)) return undefined;
    this.makeGroup(path);
    return path;
  }

  makeGroup(path: string): void {
    for (let end = path.indexOf('/', WORLD.cgroupMount.length + 1); end !== -1; end = path.indexOf('/', end + 1)) {
      this.groups.add(path.slice(0, end));
    }
    this.groups.add(path);
  }

  /** @returns an errno, 0 when the group is gone */
  removeGroup(path: string): 'EBUSY' | undefined {
    const below = [...this.groups].filter((group) => group === path || group.startsWith(`${path}/`));
    if (below.some((group) => this.members(group).length > 0)) return 'EBUSY';
    for (const group of below) this.#forgetGroup(group);
    return undefined;
  }

  fork(group: string, isInit: boolean, inside?: FakeProcess): FakeProcess {
    if (!this.groups.has(group)) throw systemError('ENOENT', group);
    const pid = this.uniqueNumber();
    const process: FakeProcess = {
      ...{ pid, group, isInit, inside, waitStatus: undefined },
      startTime: BigInt(pid * 10),
      onEnd: () => {},
      onSignal: () => {},
    };
    this.processes.set(pid, process);
    return process;
  }

  /** @param waitStatus as wait4(2) gives it */
  endProcess(process: FakeProcess, waitStatus: number): void {
    if (process.waitStatus !== undefined) return;
    const waiting = [...this.frozen].find(([group]) => process.group.startsWith(`${group}/`))?.[1];
    if (waiting !== undefined && waitStatus !== SIGKILL) {
      waiting.push(() => this.endProcess(process, waitStatus));
      return;
    }
    process.waitStatus = waitStatus;
    this.processes.delete(process.pid);
    for (const other of [...this.processes.values()]) if (other.inside === process) this.endProcess(other, SIGKILL);
    if (process.isInit) {
      const uid = uidOfGroup(process.group);
      this.truth.set(uid, [...(this.truth.get(uid) ?? []), waitStatus]);
    }
    process.onEnd(waitStatus);
    this.endEmptyUnits();
  }

  /** systemd removes the groups of a scope that nothing is in, whether or not anybody still wanted to look at them. */
  endEmptyUnits(): void {
    for (const [name, { group, holder }] of this.units) {
      if (holder?.isAlive === true || this.members(group).length > 0) continue;
      this.removeGroup(group);
      this.units.delete(name);
    }
  }

  killGroup(path: string): void {
    for (const process of this.members(path)) this.endProcess(process, SIGKILL);
  }

  signalGroup(path: string, signal: number): void {
    if (!this.groups.has(path)) throw systemError('ENOENT', path);
    for (const process of this.members(path)) process.onSignal(signal);
  }

  members(path: string): readonly FakeProcess[] {
    return [...this.processes.values()].filter(({ group }) => group === path || group.startsWith(`${path}/`));
  }

  #forgetGroup(path: string): void {
    this.groups.delete(path);
    this.frozen.delete(path);
    for (const knob of this.knobs.keys()) if (knob.startsWith(`${path}/`)) this.knobs.delete(knob);
  }

  /** Everything that runs and everything in memory is gone; the disk keeps what was synced. */
  powerCut(): void {
    this.#bootNumber += 1;
    for (const monitor of this.monitors) monitor.vanish();
    this.monitors.clear();
    for (const process of this.processes.values()) process.waitStatus = SIGKILL;
    this.processes.clear();
    this.groups.clear();
    this.units.clear();
    this.knobs.clear();
    this.frozen.clear();
    this.isForkServerAlive = false;
    this.disk.powerCut(this.scheduler.random, WORLD.stateDir);
    this.disk.makeDirectories(WORLD.stateDir);
  }
}

/** The container that a group belongs to: the innermost of `…/containers/<uid>/nested/<uid>/…`, or of `…-<uid>.scope/…`. */
export function uidOfGroup(group: string): string {
  const uids = [...group.matchAll(/\/(?:containers|nested)\/([0-9a-f]{12})|-([0-9a-f]{12})\.scope/g)];
  return uids.at(-1)?.slice(1).find(Boolean) ?? '';
}
