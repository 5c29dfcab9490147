import { systemErrorCode } from '../../model/error.ts';
import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';
import { cliErrors } from './errors.ts';
import { type EventFilters, parseEventFilters } from './event-filters.ts';
import { type EventJson, eventLine } from './event-line.ts';
import { parseMoment } from './values.ts';

export interface EventsOptions {
  readonly since?: string;
  readonly until?: string;
  readonly filter?: readonly string[];
  readonly format?: string;
}

/** The connection broke while its answer arrived: the next agent knows more. */
const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'ABORT_ERR']);
const EXIT_BROKEN_PIPE = 141;
const PAUSE_MS = 50;
/** Connections that break one after the other without a new event between them. */
const MAX_BARREN_TRIES = 20;

/** `isopod events`: a line for each thing that happens, whatever becomes of the agents meanwhile. */
export async function eventsCommand(
  context: CliContext,
  client: Pick<AgentClient, 'lines'>,
  options: EventsOptions,
): Promise<number> {
  const print = printerOf(options.format);
  const reading = readingOf(options, Date.now());
  let isBroken = false;
  context.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    isBroken = true;
  });
  for (let barren = 0; ; barren += 1) {
    try {
      for await (const event of client.lines('GET', `/v1/events?${reading.query()}`) as AsyncIterable<EventJson>) {
        if (isBroken) return EXIT_BROKEN_PIPE;
        barren = 0;
        reading.seen(event.position);
        printLine(context, print(event));
      }
      if (reading.isOver(Date.now())) return 0;
    } catch (error) {
      const code = systemErrorCode(error) ?? '';
      if (!BROKEN.has(code)) throw error;
      if (barren >= MAX_BARREN_TRIES) throw cliErrors.eventsBroken({ tries: barren, reason: code }, error);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** @throws {EngineError} `cli.badValue` */
function printerOf(format: string | undefined): (event: EventJson) => string {
  if (format === undefined) return eventLine;
  if (format === 'json' || format === '{{json .}}') return (event) => JSON.stringify(event);
  throw cliErrors.badValue({ option: '--format', value: format, wanted: 'json' });
}

interface Reading {
  query(): URLSearchParams;
  seen(position: string): void;
  isOver(nowMs: number): boolean;
}

/** Where it begins, and after a connection broke: goes on. @throws {EngineError} `cli.badValue` */
function readingOf({ since, until, filter = [] }: EventsOptions, nowMs: number): Reading {
  const filters: EventFilters = parseEventFilters(filter);
  const untilMs = until === undefined ? undefined : parseMoment('--until', until, nowMs);
  let sinceMs = since === undefined ? undefined : parseMoment('--since', since, nowMs);
  let after: string | undefined;
  return {
    query: () => {
      const query = new URLSearchParams();
      if (after !== undefined) query.set('after', after);
      else if (sinceMs !== undefined) query.set('sinceMs', `${sinceMs}`);
      if (untilMs !== undefined) query.set('untilMs', `${untilMs}`);
      if (Object.keys(filters).length > 0) query.set('filters', JSON.stringify(filters));
      // Should this connection break before the first event, the next begins where this one did.
      sinceMs ??= nowMs;
      return query;
    },
    seen: (position) => {
      after = position;
    },
    isOver: (now) => untilMs !== undefined && now >= untilMs,
  };
}
