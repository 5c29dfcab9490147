/** What of /proc/PID/stat identifies and describes a process (proc_pid_stat(5)). */
export interface ProcessStat {
  readonly pid: number;
  readonly command: string;
  /** One letter: R, S, D, Z … */
  readonly state: string;
  readonly parentPid: number;
  /** Field 22: clock ticks after boot when it started; with the pid it names a process for ever. */
  readonly startTime: bigint;
}

/**
 * Parses /proc/PID/stat. The command may hold spaces and parentheses, so the last `)` ends it.
 *
 * @returns `undefined` when the text has not the documented form
 */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open === -1 || close < open) return undefined;
  const fields = text
    .slice(close + 2)
    .trim()
    .split(' ');
  const [state, parentPid] = fields;
  // Field 3 of the man page is the first after the command, so field 22 is the twentieth.
  const startTime = fields[19];
  const pid = Number(text.slice(0, open));
  if (state === undefined || startTime === undefined || !/^\d+$/.test(startTime) || !Number.isInteger(pid)) {
    return undefined;
  }
  return {
    pid,
    command: text.slice(open + 1, close),
    state,
    parentPid: Number(parentPid),
    startTime: BigInt(startTime),
  };
}

/** Parses `Name:\tvalue` lines of /proc/PID/status, with the last value of a name. */
export function parseProcessStatus(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

/** A capability set of /proc/PID/status, for example `CapBnd`; 0 when it is not there. */
export function capabilitySetOf(status: ReadonlyMap<string, string>, field: string): bigint {
  const digits = status.get(field);
  return digits !== undefined && /^[0-9a-f]+$/.test(digits) ? BigInt(`0x${digits}`) : 0n;
}

/** Counts the CPUs of a list such as `0-3,6` (/sys/devices/system/cpu/online). */
export function countCpus(list: string): number {
  return list
    .trim()
    .split(',')
    .reduce((count, range) => {
      const match = /^(\d+)(?:-(\d+))?$/.exec(range);
      if (match === null) return count;
      return count + Number(match[2] ?? match[1]) - Number(match[1]) + 1;
    }, 0);
}
