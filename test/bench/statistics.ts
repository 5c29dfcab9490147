/** Middle and ninth tenth of some samples, in their own unit. */
export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
}

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  return { count: sorted.length, p50: quantile(sorted, 0.5), p90: quantile(sorted, 0.9) };
}

/** Ratio of medians, for rows that were measured in turn in one run. */
export function ratio(of: readonly number[], to: readonly number[]): number {
  return spreadOf(of).p50 / spreadOf(to).p50;
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
