import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';
import { cliErrors } from './errors.ts';
import { table } from './format.ts';
import { withImage } from './run-command.ts';
import { containerRequestOf, type RunOptions } from './run-request.ts';

interface ReportJson {
  readonly rows: readonly {
    readonly topic: string;
    readonly subject: string;
    readonly by: string;
    readonly planned: string;
    readonly probed: string;
    readonly verdict: 'agrees' | 'differs' | 'unproved';
  }[];
}

const MARKS = { agrees: 'ok', differs: 'DIFFERS', unproved: 'UNPROVED' } as const;

/**
 * `isopod run --security-report`: what a container may do by its plan, beside what a probe found when it tried.
 *
 * @returns 1 when something differs, or could not be tried
 * @throws {EngineError} `cli.badValue` for a command, which would not be run
 */
export async function securityReportCommand(
  context: CliContext,
  client: AgentClient,
  { words, options }: { readonly words: readonly string[]; readonly options: RunOptions },
): Promise<number> {
  if (options.securityReport !== true) {
    throw cliErrors.badValue({ option: '--json', value: 'alone', wanted: '--security-report beside it' });
  }
  const body = containerRequestOf(words, options, context);
  if (body.command !== undefined) {
    const value = (body.command as readonly string[]).join(' ');
    throw cliErrors.badValue({ option: '--security-report', value, wanted: 'an image alone, for no command is run' });
  }
  const send = () => client.call<ReportJson>('POST', '/v1/security-report', { ...body, pull: 'never' });
  const report = await withImage(context, client, { body, options, send });
  if (options.json === true) printLine(context, JSON.stringify(report, undefined, 2));
  else {
    const rows = report.rows.map(({ verdict, topic, subject, by, planned, probed }) => [
      MARKS[verdict],
      topic,
      subject,
      by,
      planned,
      planned === probed ? 'as planned' : probed,
    ]);
    context.stdout.write(table(['', 'TOPIC', 'SUBJECT', 'BY', 'PLANNED', 'TRIED'], rows));
  }
  return report.rows.every(({ verdict }) => verdict === 'agrees') ? 0 : 1;
}
