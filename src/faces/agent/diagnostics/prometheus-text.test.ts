import { expect, test } from 'vitest';
import { MetricRegistry } from '../../../base/metrics.ts';
import { prometheusText } from './prometheus-text.ts';

test('every metric has its help and its type before its samples', () => {
  const registry = new MetricRegistry();
  registry.counter<[string]>({ name: 'a_total', help: 'What a did.', labels: ['outcome'] }).increment('ok');
  registry.gauge({ name: 'b', help: 'b now' }, () => [[[], 2.5]]);
  expect(prometheusText(registry.collect())).toBe(
    [
      ...['# HELP a_total What a did.', '# TYPE a_total counter', 'a_total{outcome="ok"} 1'],
      ...['# HELP b b now', '# TYPE b gauge', 'b 2.5', ''],
    ].join('\n'),
  );
});

test('a histogram has its buckets, its sum and its count', () => {
  const registry = new MetricRegistry();
  registry.histogram<[string]>({ name: 'd_seconds', help: 'd', labels: ['x'] }, [0.5]).observe(0.25, 'y');
  expect(prometheusText(registry.collect()).split('\n').slice(2)).toEqual([
    'd_seconds_bucket{x="y",le="0.5"} 1',
    'd_seconds_bucket{x="y",le="+Inf"} 1',
    'd_seconds_sum{x="y"} 0.25',
    'd_seconds_count{x="y"} 1',
    '',
  ]);
});

test('a backslash, a quote and a line feed of a label, and a line feed of a help, are escaped', () => {
  const registry = new MetricRegistry();
  registry.counter<[string]>({ name: 'a_total', help: 'one "\\"\ntwo', labels: ['x'] }).increment('q"\\\nz');
  const [help, , sample] = prometheusText(registry.collect()).split('\n');
  expect(help).toBe('# HELP a_total one "\\\\"\\ntwo');
  expect(sample).toBe('a_total{x="q\\"\\\\\\nz"} 1');
});

test('numbers that are none, or without end, are written as the format wants them', () => {
  const registry = new MetricRegistry();
  registry.gauge<[string]>({ name: 'a', help: 'h', labels: ['x'] }, () => [
    [['n'], Number.NaN],
    [['p'], Number.POSITIVE_INFINITY],
    [['m'], Number.NEGATIVE_INFINITY],
  ]);
  const values = prometheusText(registry.collect()).match(/[^ \n]+$/gm);
  expect(values?.slice(-3)).toEqual(['NaN', '+Inf', '-Inf']);
});
