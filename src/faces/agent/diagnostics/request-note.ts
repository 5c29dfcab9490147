import { NO_ROUTE } from './api-metrics.ts';

/** What becomes known of a request while it is answered; for the log and for what is counted. */
export interface RequestNote {
  /** Path of the route, with its parameters as they are named. */
  route: string;
  /** Type of a call of the operator API, of those that there are. */
  call: string | undefined;
}

export function newNote(): RequestNote {
  return { route: NO_ROUTE, call: undefined };
}
