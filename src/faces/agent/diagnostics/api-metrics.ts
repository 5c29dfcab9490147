import type { Counter, Histogram, MetricRegistry } from '../../../base/metrics.ts';

/** Stands for the route of a request that no route takes: its path is whatever somebody wrote. */
export const NO_ROUTE = 'none';

const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'DELETE']);
const SECONDS_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60];
const MS_PER_S = 1000;

/** What the agent's HTTP face counts. All labels are from tables: paths and names of containers are none. */
export class ApiMetrics {
  readonly #requests: Counter<readonly [method: string, route: string, status: string]>;
  readonly #seconds: Histogram<readonly []>;
  readonly #calls: Counter<readonly [type: string, status: string]>;

  constructor(registry: MetricRegistry, inProgress: () => number) {
    this.#requests = registry.counter({
      name: 'isopod_api_requests_total',
      help: 'Requests that were answered, by method, route and status; 0 where the client had left.',
      labels: ['method', 'route', 'status'],
    });
    this.#seconds = registry.histogram(
      {
        name: 'isopod_api_request_duration_seconds',
        help: 'What requests took, long polls and streams among them.',
      },
      SECONDS_BOUNDS,
    );
    this.#calls = registry.counter({
      name: 'isopod_operator_calls_total',
      help: 'Calls of the operator API by type and status.',
      labels: ['type', 'status'],
    });
    registry.gauge({ name: 'isopod_api_requests_in_progress', help: 'Requests that are being answered.' }, () => [
      [[], inProgress()],
    ]);
  }

  /** @param status 0 when nothing was answered */
  answered(request: {
    readonly method: string | undefined;
    readonly route: string;
    readonly status: number;
    readonly ms: number;
  }): void {
    const { method = '', route, status, ms } = request;
    this.#requests.increment(METHODS.has(method) ? method : 'other', route, String(status));
    this.#seconds.observe(ms / MS_PER_S);
  }

  /** @param type of a call that there is */
  called(type: string, status: number): void {
    this.#calls.increment(type, String(status));
  }
}
