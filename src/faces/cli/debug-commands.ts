import type { AgentClient } from './agent-client.ts';
import { forEach } from './container-commands.ts';
import { type CliContext, printLine } from './context.ts';
import { table } from './format.ts';
import { parseDuration } from './values.ts';

interface StepJson {
  readonly what: string;
  readonly sinceMs: number;
  readonly deadlineAtMs: number | null;
}

/** An operation as the agent's JSON has it. */
export interface OperationJson {
  readonly id: string;
  readonly kind: string;
  readonly container: string | null;
  readonly subject: string | null;
  readonly note: string | null;
  readonly sinceMs: number;
  readonly requestId: string | null;
  readonly isCancellable: boolean;
  readonly steps: readonly StepJson[];
}

interface LoggingJson {
  readonly level: string;
  readonly until: { readonly atMs: number; readonly former: string } | null;
}

const MS_PER_S = 1000;
const LOGGING_PATH = '/v1/debug/logging-level';

/** `isopod debug operations` */
export async function operationsCommand(context: CliContext, client: AgentClient, json: boolean): Promise<number> {
  const operations = await client.call<readonly OperationJson[]>('GET', '/v1/debug/operations');
  if (json) printLine(context, JSON.stringify(operations, undefined, 2));
  else context.stdout.write(operationsTable(operations, Date.now()));
  return 0;
}

/** A line for each step that is waited for; an operation that waits for none has one, too. Pure. */
export function operationsTable(operations: readonly OperationJson[], nowMs: number): string {
  const header = ['OPERATION', 'KIND', 'CONTAINER', 'SINCE', 'DEADLINE', 'WAITS FOR'];
  const rows = operations.flatMap((operation) => {
    const { id, kind, container, sinceMs, steps } = operation;
    const head = [id, kind, container ?? ''];
    const words = [operation.subject, operation.note].filter((word) => word !== null).join(': ');
    if (steps.length === 0) return [[...head, seconds(nowMs - sinceMs), '', words]];
    return steps.map((step) => [
      ...head,
      seconds(nowMs - step.sinceMs),
      step.deadlineAtMs === null ? 'none' : `in ${seconds(step.deadlineAtMs - nowMs)}`,
      [step.what, words].filter(Boolean).join(', '),
    ]);
  });
  return table(header, rows);
}

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / MS_PER_S).toFixed(1)} s`;
}

/** `isopod debug cancel` */
export function cancelCommand(context: CliContext, client: AgentClient, ids: readonly string[]): Promise<number> {
  return forEach(context, ids, async (id) => {
    await client.call('POST', `/v1/debug/operations/${encodeURIComponent(id)}/cancel`, {});
    return id;
  });
}

/** `isopod debug logging-level`: tells it, or sets it. */
export async function loggingLevelCommand(
  context: CliContext,
  client: AgentClient,
  { level, time }: { readonly level: string | undefined; readonly time: string | undefined },
): Promise<number> {
  const durationMs = time === undefined ? undefined : parseDuration('--for', time);
  const status =
    level === undefined
      ? await client.call<LoggingJson>('GET', LOGGING_PATH)
      : await client.call<LoggingJson>('PUT', LOGGING_PATH, { level, ...(durationMs !== undefined && { durationMs }) });
  const { until } = status;
  const rest = until === null ? '' : ` until ${new Date(until.atMs).toISOString()}, then ${until.former}`;
  printLine(context, `${status.level}${rest}`);
  return 0;
}

/** `isopod debug metrics` */
export async function metricsCommand(context: CliContext, client: AgentClient): Promise<number> {
  for await (const chunk of await client.stream('GET', '/metrics')) context.stdout.write(chunk);
  return 0;
}
