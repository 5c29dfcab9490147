import type { EngineHost } from '../host.ts';
import type { Diagnostics } from './diagnostics-facade.ts';
import { addEngineGauges } from './engine-gauges.ts';

/** What an engine on this host tells of itself. */
export function engineDiagnostics(host: EngineHost, sessions: { readonly liveCount: number }): Diagnostics {
  const { metricRegistry, operations, damagedRecords } = host;
  addEngineGauges(host, sessions);
  return {
    metrics: () => metricRegistry.collect(),
    operations: () => operations.list(),
    damagedRecords: () => damagedRecords.list(),
    cancel: (id) => operations.cancel(id),
  };
}
