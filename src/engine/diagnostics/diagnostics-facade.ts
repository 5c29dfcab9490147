import type { MetricFamily } from '../../base/metrics.ts';

/** What the engine tells of itself. */
export interface Diagnostics {
  /** All metrics at this moment, those of whoever shares the registry among them. */
  metrics(): readonly MetricFamily[];
}
