import { expect, test } from 'vitest';
import { MetricRegistry } from '../../../base/metrics.ts';
import { EngineMetrics } from '../../../engine/diagnostics/engine-metrics.ts';
import { EngineError } from '../../../model/error.ts';
import { operatorMetrics, quantile } from './operator-metrics.ts';

function metricOf(registry: MetricRegistry, name: string): number | undefined {
  return operatorMetrics(registry.collect()).find((metric) => metric.name === name)?.value;
}

test('what a Mesos agent counts, too, has the name that it has there', () => {
  const registry = new MetricRegistry();
  const metrics = new EngineMetrics(registry);
  metrics.destroyFailed();
  metrics.directoriesLeft();
  metrics.launchFailed(new EngineError({ kind: 'not-found', code: 'a.b', message: 'm' }));
  metrics.launched([]);
  metrics.pulled(40_000);
  expect(metricOf(registry, 'containerizer/mesos/container_destroy_errors')).toBe(1);
  expect(metricOf(registry, 'containerizer/mesos/provisioner/remove_container_errors')).toBe(1);
  expect(metricOf(registry, 'slave/container_launch_errors')).toBe(1);
  expect(metricOf(registry, 'containerizer/mesos/provisioner/docker_store/image_pull_ms/count')).toBe(1);
  const median = metricOf(registry, 'containerizer/mesos/provisioner/docker_store/image_pull_ms/p50');
  expect(median).toBeGreaterThan(30_000);
  expect(median).toBeLessThanOrEqual(60_000);
});

test('what only we count has its own name, with a word for each label', () => {
  const registry = new MetricRegistry();
  new EngineMetrics(registry).launchFailed(new Error('a fault'));
  expect(metricOf(registry, 'isopod/launches_total/internal')).toBe(1);
  expect(metricOf(registry, 'isopod/launches_total/ok')).toBe(0);
});

test('a quantile lies within the bucket that holds its rank', () => {
  const registry = new MetricRegistry();
  const histogram = registry.histogram({ name: 'd', help: 'h' }, [1, 2, 4]);
  for (const value of [0.5, 1.5, 1.5, 3, 9]) histogram.observe(value);
  const samples = registry.collect()[0]?.samples ?? [];
  expect(quantile(samples, 0.5)).toBeCloseTo(1.75);
  expect(quantile(samples, 0.99)).toBe(4);
  expect(quantile([], 0.5)).toBe(0);
});
