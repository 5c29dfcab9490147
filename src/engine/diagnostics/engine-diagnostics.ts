import type { EngineHost } from '../host.ts';
import type { Diagnostics } from './diagnostics-facade.ts';

/** What an engine on this host tells of itself. */
export function engineDiagnostics({ metricRegistry, operations }: EngineHost): Diagnostics {
  return {
    metrics: () => metricRegistry.collect(),
    operations: () => operations.list(),
    cancel: (id) => operations.cancel(id),
  };
}
