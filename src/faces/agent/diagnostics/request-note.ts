import type { IncomingMessage } from 'node:http';
import type { Caller } from '../../../base/callers.ts';
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
  #count = 0;

  /** @param startedAtMs when this agent started */
  constructor(startedAtMs: number) {
    this.#prefix = Math.floor(startedAtMs).toString(RADIX);
  }

  begin({ headers }: Pick<IncomingMessage, 'headers'>): RequestNote {
    const given = headers[REQUEST_ID_HEADER];
    const isUsable = typeof given === 'string' && REQUEST_ID.test(given);
    const requestId = isUsable ? given : this.#next();
    return { requestId, route: NO_ROUTE, call: undefined, container: undefined };
  }

  #next(): string {
    this.#count += 1;
    return `${this.#prefix}-${this.#count.toString(RADIX)}`;
  }
}
