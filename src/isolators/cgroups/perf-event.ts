import { decodeCounters, PERF_EVENT_NAMES, SOFTWARE_EVENTS } from '../../linux/perf-events.ts';
import type { IsolatedContainer, Isolator, UsageValues } from '../isolator.ts';
import { controllerVersion } from './controller.ts';
import { cgroupsErrors } from './errors.ts';

/** More than hardware can count at a time, and what the helper takes. */
const MAX_EVENTS = 16;

/**
 * Isolator `cgroups/perf_event`: counts events of the processor and the kernel for all of a container. Its monitor opens
 * the counters before anything runs, so nothing is missed, and they live as long as it does. Counting slows down every
 * change of context, so the isolator takes part only when it is named.
 *
 * @param events as the agent was told; the kernel's own events by default
 * @throws {EngineError} `cgroups.unknownEvent`, `cgroups.tooManyEvents` (invalid-argument)
 */
export function cgroupsPerfEvent(events: readonly string[] = SOFTWARE_EVENTS): Isolator {
  const unknown = events.find((event) => !PERF_EVENT_NAMES.includes(event));
  if (unknown !== undefined) throw cgroupsErrors.unknownEvent({ event: unknown, known: PERF_EVENT_NAMES });
  if (events.length === 0 || events.length > MAX_EVENTS) {
    throw cgroupsErrors.tooManyEvents({ count: events.length, most: MAX_EVENTS });
  }
  return {
    name: 'cgroups/perf_event',
    requires: [],
    appliesTo: () => false,
    plan: ({ host }) => {
      controllerVersion(host, 'cgroups/perf_event', 'perf_event');
      return { cgroup: { controller: 'perf_event', knobs: [], counters: events } };
    },
    usage: perfUsage,
  };
}

/** `perf.<event>` for each event, for example `perf.context-switches`; task-clock and cpu-clock in nanoseconds. */
async function perfUsage({ groups, readCounters }: IsolatedContainer): Promise<UsageValues> {
  const names = groups.perf_event?.counters;
  if (names === undefined || readCounters === undefined) return {};
  const counts = decodeCounters(await readCounters());
  return Object.fromEntries(counts.map((count, index) => [`perf.${names[index] ?? index}`, count]));
}
