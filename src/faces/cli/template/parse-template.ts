import { defineErrors } from '../../../model/error.ts';

export const templateErrors = defineErrors('cli-template', {
  malformed: {
    kind: 'invalid-argument',
    message: (d: { template: string; reason: string }) => `--format ${JSON.stringify(d.template)}: ${d.reason}`,
    remedy: () => 'docs/formats.md tells what a template may hold',
  },
  noField: {
    kind: 'invalid-argument',
    message: (d: { field: string; of: readonly string[] }) =>
      `--format: there is no field ${d.field}; there are ${d.of.join(', ')}`,
    remedy: () => "fields are those that --format '{{json .}}' shows",
  },
  wrongValue: {
    kind: 'invalid-argument',
    message: (d: { name: string; wanted: string; value: string }) =>
      `--format: ${d.name} wants ${d.wanted}, and gets ${d.value}`,
    remedy: () => 'docs/formats.md tells what a template may hold',
  },
});

/** What stands for a value. */
export type Operand =
  | { readonly kind: 'value'; readonly value: string | number | boolean }
  /** From the dot, or from the whole (`$`). */
  | { readonly kind: 'field'; readonly from: 'dot' | 'root'; readonly path: readonly string[] }
  | { readonly kind: 'pipe'; readonly pipe: Pipe };

/** One operand, or a function with its arguments; what comes through the pipe is the last of them. */
export type Call =
  | { readonly kind: 'operand'; readonly operand: Operand }
  | { readonly kind: 'function'; readonly name: string; readonly operands: readonly Operand[] };

export type Pipe = readonly Call[];

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipe: Pipe }
  | {
      readonly kind: 'if' | 'range' | 'with';
      readonly pipe: Pipe;
      readonly then: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** Nobody nests deeper; a parser that calls itself has to stop somewhere. */
const MAX_DEPTH = 32;
const ACTION = /\{\{(?:(-)\s)?((?:"(?:[^"\\]|\\.)*"|`[^`]*`|(?!\}\})[^"`])*?)(?:\s(-))?\}\}/gs;
const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*")|`([^`]*)`|(\$?(?:\.[A-Za-z_][\w-]*)+|\.|\$)|(-?\d+(?:\.\d+)?)|([A-Za-z]\w*)|([|()]))/y;

type Token =
  | { readonly kind: 'operand'; readonly operand: Operand }
  | { readonly kind: 'word' | 'sign'; readonly text: string };

type Piece = { readonly text: string } | { readonly action: string };

/**
 * Reads a template in the language of Go's text/template, as far as users of `--format` write it: fields, pipes, calls,
 * `if`, `range` and `with`, no variables and no definitions. `\t` and `\n` written out stand for what they say.
 *
 * @throws {EngineError} `cli-template.malformed`
 */
export function parseTemplate(template: string): readonly Node[] {
  const pieces = piecesOf(template);
  const parser = new Parser(template, pieces);
  return parser.all();
}

function piecesOf(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let isTrimmed = false;
  const addText = (until: number, trimEnd: boolean): void => {
    let text = template.slice(at, until).replace(/\\([tn])/g, (_, letter) => (letter === 't' ? '\t' : '\n'));
    if (text.includes('{{')) throw templateErrors.malformed({ template, reason: 'an action that {{ begins has no }}' });
    if (isTrimmed) text = text.trimStart();
    if (trimEnd) text = text.trimEnd();
    if (text !== '') pieces.push({ text });
  };
  for (const match of template.matchAll(ACTION)) {
    addText(match.index, match[1] === '-');
    if (!/^\s*\/\*.*\*\/\s*$/s.test(match[2] ?? '')) pieces.push({ action: match[2] ?? '' });
    isTrimmed = match[3] === '-';
    at = match.index + match[0].length;
  }
  addText(template.length, false);
  return pieces;
}

class Parser {
  readonly #template: string;
  readonly #pieces: readonly Piece[];
  #at = 0;

  constructor(template: string, pieces: readonly Piece[]) {
    this.#template = template;
    this.#pieces = pieces;
  }

  all(): readonly Node[] {
    const { nodes, end } = this.#nodes(0);
    if (end !== undefined) throw this.#malformed(`{{${end}}} ends nothing`);
    return nodes;
  }

  /** Up to the end, or an `end` or `else` of what is around. */
  #nodes(depth: number): { readonly nodes: readonly Node[]; readonly end: string | undefined } {
    if (depth > MAX_DEPTH) throw this.#malformed(`it is nested deeper than ${MAX_DEPTH}`);
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at];
      if (piece === undefined) return { nodes, end: undefined };
      this.#at += 1;
      if ('text' in piece) {
        nodes.push({ kind: 'text', text: piece.text });
        continue;
      }
      const [word = '', rest = ''] = /^\s*(if|range|with|else|end)\b(.*)$/s.exec(piece.action)?.slice(1) ?? [];
      if (word === 'end' || word === 'else') return { nodes, end: `${word}${rest}`.trim() };
      if (word === '') nodes.push({ kind: 'print', pipe: this.#pipe(piece.action) });
      else nodes.push(this.#block(word as 'if' | 'range' | 'with', rest, depth));
    }
  }

  #block(kind: 'if' | 'range' | 'with', condition: string, depth: number): Node {
    const pipe = this.#pipe(condition);
    const { nodes: then, end } = this.#nodes(depth + 1);
    if (end === undefined) throw this.#malformed(`{{${kind}}} has no {{end}}`);
    if (end === 'end') return { kind, pipe, then, otherwise: [] };
    const [, inner] = /^else\s+if\b(.*)$/s.exec(end) ?? [];
    if (inner !== undefined) return { kind, pipe, then, otherwise: [this.#block('if', inner, depth + 1)] };
    if (end !== 'else') throw this.#malformed(`{{${end}}} is no {{else}}`);
    const { nodes: otherwise, end: last } = this.#nodes(depth + 1);
    if (last !== 'end') throw this.#malformed(`{{else}} has no {{end}}`);
    return { kind, pipe, then, otherwise };
  }

  #pipe(action: string): Pipe {
    const tokens = this.#tokens(action);
    const { pipe, next } = this.#calls(tokens, 0, 0);
    if (next !== tokens.length) throw this.#malformed(`${JSON.stringify(action)} has a ) too many`);
    return pipe;
  }

  #calls(tokens: readonly Token[], start: number, depth: number): { readonly pipe: Pipe; readonly next: number } {
    if (depth > MAX_DEPTH) throw this.#malformed(`it is nested deeper than ${MAX_DEPTH}`);
    const calls: Call[] = [];
    let name: string | undefined;
    let operands: Operand[] = [];
    const finish = (): void => {
      const [operand] = operands;
      if (name !== undefined) calls.push({ kind: 'function', name, operands });
      else if (operand !== undefined && operands.length === 1) calls.push({ kind: 'operand', operand });
      else throw this.#malformed(operand === undefined ? 'an action is empty' : 'a value is called like a function');
      name = undefined;
      operands = [];
    };
    for (let at = start; ; at += 1) {
      const token = tokens[at];
      if (token === undefined || (token.kind === 'sign' && token.text === ')')) {
        if (token === undefined && depth > 0) throw this.#malformed('a ( has no )');
        finish();
        return { pipe: calls, next: at };
      }
      if (token.kind === 'operand') operands.push(token.operand);
      else if (token.text === '|') finish();
      else if (token.text === '(') {
        const inner = this.#calls(tokens, at + 1, depth + 1);
        operands.push({ kind: 'pipe', pipe: inner.pipe });
        at = inner.next;
      } else if (name === undefined && operands.length === 0) name = token.text;
      else throw this.#malformed(`function ${token.text} wants parentheses there`);
    }
  }

  #tokens(action: string): readonly Token[] {
    const tokens: Token[] = [];
    const text = action.trimEnd();
    TOKEN.lastIndex = 0;
    let at = 0;
    while (at < text.length) {
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(text);
      if (match === null) throw this.#malformed(`${JSON.stringify(text.slice(at).trim())} means nothing here`);
      tokens.push(this.#token(match));
      at += match[0].length;
    }
    return tokens;
  }

  #token([, quoted, raw, field, number, word, sign]: RegExpExecArray): Token {
    if (quoted !== undefined) return valueToken(this.#unquoted(quoted));
    if (raw !== undefined) return valueToken(raw);
    if (number !== undefined) return valueToken(Number(number));
    if (word === 'true' || word === 'false') return valueToken(word === 'true');
    if (word !== undefined) return { kind: 'word', text: word };
    if (sign !== undefined) return { kind: 'sign', text: sign };
    const from = field?.startsWith('$') === true ? 'root' : 'dot';
    const path = (field ?? '')
      .split('.')
      .slice(1)
      .filter((name) => name !== '');
    return { kind: 'operand', operand: { kind: 'field', from, path } };
  }

  #unquoted(quoted: string): string {
    try {
      return JSON.parse(quoted.replaceAll('\t', '\\t')) as string;
    } catch {
      throw this.#malformed(`${quoted} is no string`);
    }
  }

  #malformed(reason: string): Error {
    return templateErrors.malformed({ template: this.#template, reason });
  }
}

function valueToken(value: string | number | boolean): Token {
  return { kind: 'operand', operand: { kind: 'value', value } };
}
