import type { IncomingMessage } from 'node:http';
import type { Caller } from '../../../base/callers.ts';
import type { Tracer } from '../../../base/tracing.ts';
import { NO_ROUTE } from './api-metrics.ts';

/** What becomes known of a request while it is answered; for the log and for what is counted. */
export interface RequestNote extends Caller {
  /** Path of the route, with its parameters as they are named. */
  route: string;
  /** Type of a call of the operator API, of those that there are. */
  call: string | undefined;
}

/** Names a request, in both directions: one that came with a name keeps it. */
export const REQUEST_ID_HEADER = 'x-request-id';
/** What is safe in a log and a header, and no longer than anybody needs. */
const REQUEST_ID = /^[\w.:@/+=-]{1,128}$/;
const RADIX = 36;

/** Makes notes, each with an id that no other request of this agent or an earlier one has. */
export class RequestNotes {
  readonly #prefix: string;
  readonly #tracer: Tracer | undefined;
  #count = 0;

  /** @param startedAtMs when this agent started */
  constructor(startedAtMs: number, tracer?: Tracer) {
    this.#tracer = tracer;
    this.#prefix = Math.floor(startedAtMs).toString(RADIX);
  }

  begin({ headers }: Pick<IncomingMessage, 'headers'>): RequestNote {
    const given = headers[REQUEST_ID_HEADER];
    const isUsable = typeof given === 'string' && REQUEST_ID.test(given);
    const requestId = isUsable ? given : this.#next();
    const span = this.#tracer?.begin('request', { kind: 'server', traceparent: textOf(headers.traceparent) });
    return { requestId, route: NO_ROUTE, call: undefined, container: undefined, span };
  }

  /** @param answered.status 0 when nothing was answered */
  end(
    { span, requestId, route, call, container }: RequestNote,
    answered: { readonly method: string | undefined; readonly status: number },
  ): void {
    if (span === undefined) return;
    const { method = '', status } = answered;
    span.rename(`${method} ${route}`);
    span.set({
      ...{ 'http.request.method': method, 'http.route': route, 'http.response.status_code': status },
      ...{ 'isopod.request.id': requestId, 'isopod.operator.call': call, 'isopod.container': container },
    });
    span.end(status >= 500 ? `answered with ${status}` : undefined);
  }

  #next(): string {
    this.#count += 1;
    return `${this.#prefix}-${this.#count.toString(RADIX)}`;
  }
}

function textOf(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}
