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

/** The processors that there are, as a list for `countCpus`. */
export const ONLINE_CPUS = '/sys/devices/system/cpu/online';

/** Counts the CPUs of a list such as `0-3,6`. */
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
