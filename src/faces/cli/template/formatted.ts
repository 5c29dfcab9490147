import { table } from '../format.ts';
import type { Node } from './parse-template.ts';
import { parseTemplate } from './parse-template.ts';
import { renderTemplate } from './render-template.ts';

/** Prints values as `--format` wants it. */
export type Formatter = (values: readonly unknown[]) => string;

/**
 * Reads what `--format` was told: `json` for one value a line, a template, or `table TEMPLATE` for columns that tabs part,
 * below the names of their fields.
 *
 * @throws {EngineError} `cli-template.malformed`
 */
export function formatterOf(format: string): Formatter {
  if (format === 'json') return (values) => values.map((value) => `${JSON.stringify(value)}\n`).join('');
  const [, columns] = /^table\s(.*)$/s.exec(format) ?? [];
  const nodes = parseTemplate(columns?.trimStart() ?? format);
  if (columns === undefined) return (values) => values.map((value) => `${renderTemplate(nodes, value)}\n`).join('');
  return (values) => {
    const rows = values.map((value) => renderTemplate(nodes, value).split('\t'));
    return table(headerOf(nodes), rows);
  };
}

/** The column of `.CreatedSince` is CREATED SINCE; what is no field bears no name. */
function headerOf(nodes: readonly Node[]): readonly string[] {
  const columns: string[] = [''];
  for (const node of nodes) {
    const texts = node.kind === 'text' ? node.text.split('\t') : [node.kind === 'print' ? nameOf(node) : ''];
    columns[columns.length - 1] += texts[0] ?? '';
    columns.push(...texts.slice(1));
  }
  return columns;
}

function nameOf({ pipe }: Extract<Node, { kind: 'print' }>): string {
  const [call] = pipe;
  const operand = call?.kind === 'operand' ? call.operand : call?.operands.at(-1);
  const field = operand?.kind === 'field' ? operand.path.at(-1) : undefined;
  return (field ?? '').replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toUpperCase();
}
