/** Lengths of functions, by matching braces over a text whose strings and comments were blanked. */
export interface FunctionLength {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

const NOT_A_FUNCTION =
  /^\s*(?:\}?\s*else\b|if\b|for\b|while\b|switch\b|do\b|try\b|catch\b|finally\b|case\b|return\s*$|with\b)/;
const CONTROL = /(?:^|[\s;}])(?:if|for|while|switch|catch)\s*\($/;

/** Every function of a TypeScript or C text with its length in lines, header included. */
export function functionLengths(source: string): readonly FunctionLength[] {
  const text = blankStringsAndComments(source);
  const lengths: FunctionLength[] = [];
  const open: { readonly headerStart: number; readonly header: string }[] = [];
  let statementStart = 0;
  let parentheses = 0;
  const resume: number[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === '(' || char === '[') parentheses += 1;
    else if (char === ')' || char === ']') parentheses -= 1;
    else if (char === '{') {
      open.push({ headerStart: statementStart, header: text.slice(statementStart, index) });
      resume.push(parentheses);
      parentheses = 0;
      statementStart = index + 1;
    } else if (char === '}') {
      const block = open.pop();
      parentheses = resume.pop() ?? 0;
      if (block !== undefined && isFunctionHeader(block.header)) lengths.push(measure(text, block, index));
      statementStart = index + 1;
    } else if ((char === ';' || char === ',') && (parentheses === 0 || char === ';')) statementStart = index + 1;
  }
  return lengths;
}

function measure(text: string, block: { readonly headerStart: number; readonly header: string }, end: number) {
  const lead = block.header.length - block.header.trimStart().length;
  const line = lineAt(text, block.headerStart + lead);
  return { name: nameOf(block.header), line, lines: lineAt(text, end) - line + 1 };
}

function isFunctionHeader(header: string): boolean {
  const trimmed = header.trim();
  if (trimmed.endsWith('=>')) return true;
  if (NOT_A_FUNCTION.test(trimmed) || CONTROL.test(trimmed)) return false;
  if (/\b(?:class|interface|enum|struct|union|namespace)\b[^()]*$/.test(trimmed)) return false;
  return /[\w>]\s*\([\s\S]*\)\s*(?::[\s\S]*)?$/.test(trimmed) && !/[=?]\s*$/.test(trimmed);
}

function nameOf(header: string): string {
  const named = /(?:function\*?\s+|const\s+|let\s+)?(#?[\w$]+)\s*(?:<[^>]*>)?\s*(?:=\s*(?:async\s*)?)?\(/.exec(header);
  return named?.[1] ?? 'anonymous';
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let index = text.indexOf('\n'); index >= 0 && index < offset; index = text.indexOf('\n', index + 1)) line += 1;
  return line;
}

const TOKENS =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[=(,:!&|?[]\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;

function blankStringsAndComments(source: string): string {
  return source.replaceAll(TOKENS, (token) => token.replaceAll(/[^\n]/g, ' '));
}
