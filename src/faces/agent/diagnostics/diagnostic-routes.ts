import { type Call, defineRoute, type Route } from '../router.ts';
import { PROMETHEUS_TYPE, prometheusText } from './prometheus-text.ts';

const DEADLINE_MS = 10_000;

/** What the agent tells of itself. */
export function diagnosticRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/metrics', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'agent' },
      summary: 'All metrics of the agent, as Prometheus reads them.',
      answer: { kind: 'text', contentType: PROMETHEUS_TYPE, of: 'text of the Prometheus format 0.0.4' },
      handle: async ({ engine }: Call) => ({
        ...{ kind: 'text', contentType: PROMETHEUS_TYPE },
        text: prometheusText(engine.diagnostics.metrics()),
      }),
    }),
  ];
}
