import type { Files } from '../base/effects.ts';
import { systemErrorCode } from '../model/error.ts';

/** What /proc/PID/stat says of one process (proc_pid_stat(5)). */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly flags: number;
  /** User and system time, its reaped children included, in clock ticks. */
  readonly ticks: number;
  /** Of these, the time of children that it has reaped. */
  readonly reapedTicks: number;
  /** When it was started, in ticks after boot: with the pid it names a process for good. */
  readonly startTime: number;
  readonly threads: number;
  readonly residentPages: number;
}

/** Most processes that are looked at in one tree: whoever has more is told of the rest by nobody. */
const MOST_PROCESSES = 10_000;

/**
 * The processes of a container that only its monitor tracks: everything below the parent of its first process, which
 * is that monitor. One that is forked or ends meanwhile may be missing.
 */
export async function processTree(files: Files, firstPid: number): Promise<readonly ProcessStat[]> {
  const first = await readStat(files, firstPid);
  return first === undefined || !(await isMonitor(files, first.parent)) ? [] : processesBelow(files, first.parent);
}

/** What a container of the launcher posix uses: its processes, and the time of those that its monitor has reaped. */
export interface TreeUse {
  readonly processes: readonly ProcessStat[];
  readonly ticks: number;
}

/** @returns `undefined` once the first process has ended or its monitor was killed, also where another has its pid by now */
export async function treeUse(
  files: Files,
  { pid, startTime }: { readonly pid: number; readonly startTime: bigint },
): Promise<TreeUse | undefined> {
  const first = await readStat(files, pid);
  if (first === undefined || BigInt(first.startTime) !== startTime) return undefined;
  if (!(await isMonitor(files, first.parent))) return undefined;
  const monitor = await readStat(files, first.parent);
  const processes = await processesBelow(files, first.parent);
  return { processes, ticks: processes.reduce((sum, { ticks }) => sum + ticks, monitor?.reapedTicks ?? 0) };
}

/** PF_EXITING of field 9, flags (include/linux/sched.h). */
const EXITING = 0x4;

/** Whether a process is there and has not begun to end. */
export async function isStaying(
  files: Files,
  { pid, startTime }: { readonly pid: number; readonly startTime: bigint },
): Promise<boolean> {
  const stat = await readStat(files, pid);
  return stat !== undefined && BigInt(stat.startTime) === startTime && (stat.flags & EXITING) === 0;
}

/**
 * A monitor says what it is in its title (`process_set_title`, native/process.c). When it was killed the first process
 * is a child of the fork server, below which are all other containers, too.
 */
async function isMonitor(files: Files, pid: number): Promise<boolean> {
  return (await gone(files.readText(`/proc/${pid}/cmdline`), '')).startsWith('isopod-helper monitor');
}

async function processesBelow(files: Files, monitor: number): Promise<readonly ProcessStat[]> {
  const found: ProcessStat[] = [];
  const waiting = [...(await childrenOf(files, monitor))];
  for (let pid = waiting.pop(); pid !== undefined && found.length < MOST_PROCESSES; pid = waiting.pop()) {
    const stat = await readStat(files, pid);
    if (stat === undefined) continue;
    found.push(stat);
    waiting.push(...(await childrenOf(files, pid)));
  }
  return found;
}

/** Children of every thread (proc_pid_task_children(5)). */
async function childrenOf(files: Files, pid: number): Promise<readonly number[]> {
  const tasks = await gone(files.list(`/proc/${pid}/task`), []);
  const lists = await Promise.all(tasks.map((task) => gone(files.readText(`/proc/${pid}/task/${task}/children`), '')));
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

async function readStat(files: Files, pid: number): Promise<ProcessStat | undefined> {
  const text = await gone(files.readText(`/proc/${pid}/stat`), '');
  return text === '' ? undefined : parseStat(pid, text);
}

/** The command name, field 2, may hold anything: fields are counted from its last parenthesis. */
export function parseStat(pid: number, text: string): ProcessStat {
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const field = (number: number): number => fields[number - 3] ?? 0;
  return {
    pid,
    parent: field(4),
    flags: field(9),
    ticks: field(14) + field(15) + field(16) + field(17),
    reapedTicks: field(16) + field(17),
    startTime: field(22),
    threads: field(20),
    residentPages: field(24),
  };
}

/** ESRCH: the process ended between open and read. */
async function gone<Value>(reading: Promise<Value>, without: Value): Promise<Value> {
  try {
    return await reading;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(systemErrorCode(error) ?? '')) return without;
    throw error;
  }
}
