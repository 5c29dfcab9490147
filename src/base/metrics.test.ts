import { expect, test } from 'vitest';
import { MAX_SERIES, MetricRegistry } from './metrics.ts';

test('a counter counts each combination of label values apart', () => {
  const registry = new MetricRegistry();
  const counter = registry.counter<[string, string]>({ name: 'calls_total', help: 'h', labels: ['route', 'status'] });
  counter.increment('/a', '200');
  counter.increment('/a', '200');
  counter.add(3, '/a', '404');
  expect(registry.collect()[0]?.samples).toEqual([
    {
      suffix: '',
      labels: [
        ['route', '/a'],
        ['status', '200'],
      ],
      value: 2,
    },
    {
      suffix: '',
      labels: [
        ['route', '/a'],
        ['status', '404'],
      ],
      value: 3,
    },
  ]);
});

test('a series that is known beforehand is there with 0, and so is a metric without labels', () => {
  const registry = new MetricRegistry();
  registry.counter<[string]>({ name: 'a_total', help: 'h', labels: ['outcome'], known: [['ok'], ['failed']] });
  registry.counter({ name: 'b_total', help: 'h' });
  const values = registry.collect().map(({ samples }) => samples.map(({ labels, value }) => [labels[0]?.[1], value]));
  expect(values).toEqual([
    [
      ['ok', 0],
      ['failed', 0],
    ],
    [[undefined, 0]],
  ]);
});

test('more series than are kept are counted together', () => {
  const registry = new MetricRegistry();
  const counter = registry.counter<[string]>({ name: 'a_total', help: 'h', labels: ['id'] });
  for (let id = 0; id < MAX_SERIES + 7; id += 1) counter.increment(String(id));
  const samples = registry.collect()[0]?.samples ?? [];
  expect(samples).toHaveLength(MAX_SERIES + 1);
  expect(samples.at(-1)).toEqual({ suffix: '', labels: [['id', 'other']], value: 7 });
});

test('a gauge is read when somebody looks', () => {
  const registry = new MetricRegistry();
  let value = 1;
  registry.gauge({ name: 'a', help: 'h' }, () => [[[], value]]);
  value = 5;
  expect(registry.collect()[0]).toEqual({
    ...{ name: 'a', help: 'h', kind: 'gauge' },
    samples: [{ suffix: '', labels: [], value: 5 }],
  });
});

test('buckets of a histogram are cumulative, a value on a bound is below it, and the last has all', () => {
  const registry = new MetricRegistry();
  const histogram = registry.histogram({ name: 'd_seconds', help: 'h' }, [1, 2]);
  for (const value of [0.5, 1, 1.5, 9]) histogram.observe(value);
  const samples = registry.collect()[0]?.samples.map(({ suffix, labels, value }) => [suffix, labels[0]?.[1], value]);
  expect(samples).toEqual([
    ['_bucket', '1', 2],
    ['_bucket', '2', 3],
    ['_bucket', '+Inf', 4],
    ['_sum', undefined, 12],
    ['_count', undefined, 4],
  ]);
});

test('two metrics of one name, and a name that nobody could read back, are refused', () => {
  const registry = new MetricRegistry();
  registry.counter({ name: 'a_total', help: 'h' });
  expect(() => registry.counter({ name: 'a_total', help: 'h' })).toThrow('two metrics a_total');
  expect(() => registry.counter({ name: 'a-b', help: 'h' })).toThrow('no name of a metric');
});
