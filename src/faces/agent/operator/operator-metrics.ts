import type { MetricFamily, Sample } from '../../../base/metrics.ts';

/** A metric as GET_METRICS names it: words with slashes between them, and one number. */
export interface OperatorMetric {
  readonly name: string;
  readonly value: number;
}

const MS_PER_S = 1000;
const PULLS = 'containerizer/mesos/provisioner/docker_store/image_pull_ms';
const QUANTILES: readonly (readonly [string, number])[] = [
  ...([['p50', 0.5] as const, ['p90', 0.9] as const, ['p95', 0.95] as const] as const),
  ...([['p99', 0.99] as const, ['p999', 0.999] as const, ['p9999', 0.9999] as const] as const),
];

/** Metrics of ours that a Mesos agent has, by the names that it gives them. */
const NAMES: Readonly<Record<string, string>> = {
  isopod_destroy_errors_total: 'containerizer/mesos/container_destroy_errors',
  isopod_directory_removal_errors_total: 'containerizer/mesos/provisioner/remove_container_errors',
};

/**
 * All metrics by the names of the operator API: those that a Mesos agent has under its names, and all of ours, a
 * label a word (`isopod/launches_total/ok`). Of a histogram there are the count, the sum and quantiles. Pure.
 */
export function operatorMetrics(families: readonly MetricFamily[]): readonly OperatorMetric[] {
  return [...families.flatMap(theirs), ...families.flatMap(ours)];
}

function theirs(family: MetricFamily): readonly OperatorMetric[] {
  const name = NAMES[family.name];
  if (name !== undefined) return [{ name, value: total(family, '') }];
  if (family.name === 'isopod_launches_total') {
    const value = total(family, '') - (family.samples.find((one) => one.labels[0]?.[1] === 'ok')?.value ?? 0);
    return [{ name: 'slave/container_launch_errors', value }];
  }
  if (family.name !== 'isopod_pull_duration_seconds') return [];
  const quantiles = QUANTILES.map(([word, q]) => ({
    name: `${PULLS}/${word}`,
    value: quantile(family.samples, q) * MS_PER_S,
  }));
  return [{ name: `${PULLS}/count`, value: total(family, '_count') }, ...quantiles];
}

function ours({ name, kind, samples }: MetricFamily): readonly OperatorMetric[] {
  const base = name.replace('_', '/');
  const shown = kind === 'histogram' ? samples.filter(({ suffix }) => suffix !== '_bucket') : samples;
  return shown.map(({ suffix, labels, value }) => ({
    name: [base, ...labels.map(([, word]) => word), ...(suffix === '' ? [] : [suffix.slice(1)])].join('/'),
    value,
  }));
}

function total({ samples }: MetricFamily, suffix: Sample['suffix']): number {
  return samples.filter((sample) => sample.suffix === suffix).reduce((sum, { value }) => sum + value, 0);
}

/**
 * Estimated from the buckets, as if the values of each were spread evenly over it; above the last bound it is that bound.
 * 0 where nothing was observed.
 */
export function quantile(samples: readonly Sample[], q: number): number {
  const buckets = samples.filter(({ suffix }) => suffix === '_bucket');
  const rank = q * (buckets.at(-1)?.value ?? 0);
  let lower = 0;
  let below = 0;
  for (const { labels, value } of buckets) {
    const upper = Number(labels.at(-1)?.[1].replace('+Inf', 'Infinity'));
    if (value >= rank && value > below) {
      return Number.isFinite(upper) ? lower + ((upper - lower) * (rank - below)) / (value - below) : lower;
    }
    if (Number.isFinite(upper)) lower = upper;
    below = value;
  }
  return 0;
}
