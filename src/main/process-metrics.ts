import type { Clock } from '../base/effects.ts';
import type { MetricRegistry } from '../base/metrics.ts';

const US_PER_S = 1_000_000;
const MS_PER_S = 1000;

/** The process itself, by the names that Prometheus has for every process, and which version it is. */
export function addProcessMetrics(registry: MetricRegistry, clock: Clock, version: string): void {
  const startedAtS = clock.nowMs() / MS_PER_S - process.uptime();
  registry.gauge<readonly [string, string]>(
    { name: 'isopod_build_info', help: 'Always 1; its labels tell the version.', labels: ['version', 'node'] },
    () => [[[version, process.versions.node], 1]],
  );
  registry.gauge({ name: 'process_resident_memory_bytes', help: 'Resident memory of the agent.' }, () => [
    [[], process.memoryUsage.rss()],
  ]);
  registry.gauge({ name: 'nodejs_heap_size_used_bytes', help: 'What of the heap of the agent is in use.' }, () => [
    [[], process.memoryUsage().heapUsed],
  ]);
  registry.gauge({ name: 'process_start_time_seconds', help: 'When the agent was started, since 1970.' }, () => [
    [[], startedAtS],
  ]);
  registry.measured({ name: 'process_cpu_seconds_total', help: 'CPU time of the agent, user and system.' }, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / US_PER_S;
  });
}
