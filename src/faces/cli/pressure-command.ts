import type { AgentClient } from './agent-client.ts';
import { containerPath } from './container-commands.ts';
import { type CliContext, printLine } from './context.ts';
import { cliErrors } from './errors.ts';
import { parseDuration } from './values.ts';

export interface PressureOptions {
  readonly some?: string;
  readonly full?: string;
  readonly json?: boolean;
}

interface PressureJson {
  readonly resource: string;
  readonly kind: 'some' | 'full';
  /** 0 in the first line, which tells how things stand. */
  readonly times: number;
  readonly atMs: number;
  readonly pressure: Readonly<Record<string, { readonly percent10s: number; readonly percent60s: number }>> | null;
}

const DEFAULT_THRESHOLD = '300ms/2s';

/** `isopod pressure`: a line each time the container has waited so long, until it ends. */
export async function pressureCommand(
  context: CliContext,
  client: AgentClient,
  {
    id,
    threshold = DEFAULT_THRESHOLD,
    options,
  }: { id: string; threshold?: string | undefined; options: PressureOptions },
): Promise<number> {
  const query = pressureQuery(threshold, options);
  const lines = client.lines('GET', `${containerPath(id)}/pressure?${query}`) as AsyncIterable<PressureJson>;
  for await (const event of lines) {
    if (options.json === true) printLine(context, JSON.stringify(event));
    else printLine(context, eventText(event));
  }
  return 0;
}

/** @throws {EngineError} `cli.badValue` (invalid-argument) */
export function pressureQuery(threshold: string, { some, full }: PressureOptions): URLSearchParams {
  if (some !== undefined && full !== undefined) {
    throw cliErrors.badValue({ option: '--full', value: full, wanted: 'either --some or --full' });
  }
  const [stall = '', window = '', ...more] = threshold.split('/');
  if (stall === '' || window === '' || more.length > 0) {
    throw cliErrors.badValue({
      option: 'threshold',
      value: threshold,
      wanted: `TIME/WINDOW such as ${DEFAULT_THRESHOLD}`,
    });
  }
  return new URLSearchParams({
    resource: full ?? some ?? 'cpu',
    kind: full === undefined ? 'some' : 'full',
    stallUs: `${parseDuration('threshold', stall) * 1000}`,
    windowUs: `${parseDuration('threshold', window) * 1000}`,
  });
}

function eventText({ atMs, resource, kind, times, pressure }: PressureJson): string {
  const now = pressure?.[kind];
  const shares = now === undefined ? '' : `, ${now.percent10s}% of 10 s, ${now.percent60s}% of 60 s`;
  const what = times === 0 ? 'is watched' : `waited${times === 1 ? '' : ` ${times} times`}`;
  return `${new Date(atMs).toISOString()} ${kind} ${resource}: ${what}${shares}`;
}
