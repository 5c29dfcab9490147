/** Type and config of perf_event_open(2) by the name that perf(1) gives an event (linux/perf_event.h). */
const PERF_EVENTS: Readonly<Record<string, readonly [type: number, config: number]>> = {
  cycles: [0, 0],
  instructions: [0, 1],
  'cache-references': [0, 2],
  'cache-misses': [0, 3],
  branches: [0, 4],
  'branch-misses': [0, 5],
  'bus-cycles': [0, 6],
  'cpu-clock': [1, 0],
  'task-clock': [1, 1],
  'page-faults': [1, 2],
  'context-switches': [1, 3],
  'cpu-migrations': [1, 4],
  'minor-faults': [1, 5],
  'major-faults': [1, 6],
};

/** Events that can be counted, by name. */
export const PERF_EVENT_NAMES: readonly string[] = Object.keys(PERF_EVENTS);

/** Counted by the kernel itself, so that every host has them; of hardware a virtual machine often shows none. */
export const SOFTWARE_EVENTS: readonly string[] = ['task-clock', 'context-switches', 'cpu-migrations', 'page-faults'];

/** As the step open-counters takes them: two little-endian 64-bit numbers each. */
export function encodePerfEvents(names: readonly string[]): Uint8Array {
  const bytes = Buffer.alloc(names.length * 16);
  for (const [index, name] of names.entries()) {
    const [type, config] = PERF_EVENTS[name] ?? [0, 0];
    bytes.writeBigUInt64LE(BigInt(type), index * 16);
    bytes.writeBigUInt64LE(BigInt(config), index * 16 + 8);
  }
  return bytes;
}

/**
 * Counts as the message counters has them. Where there are more events than hardware counters, each is counted a part of
 * the time, and the whole is estimated from it, as perf(1) does.
 */
export function decodeCounters(values: Uint8Array): readonly number[] {
  const bytes = Buffer.from(values);
  const counts: number[] = [];
  for (let offset = 0; offset + 24 <= bytes.length; offset += 24) {
    const [value, enabledNs, runningNs] = [0, 8, 16].map((part) => Number(bytes.readBigUInt64LE(offset + part)));
    const share = (enabledNs ?? 0) / (runningNs || 1);
    counts.push(runningNs === 0 ? 0 : Math.round((value ?? 0) * share));
  }
  return counts;
}
