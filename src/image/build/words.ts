/** Values of variables, by name. */
export type Variables = ReadonlyMap<string, string>;

export interface WordsOptions {
  /** What `$NAME` stands for; a name that is not there stands for nothing. */
  readonly variables: Variables;
  /** Said of a text that is no list of words. */
  readonly refuse: (reason: string) => never;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;
/** `${NAME}`, `${NAME:-otherwise}` and `${NAME:+instead}`. */
const BRACED = /^\{([A-Za-z_][A-Za-z0-9_]*)(?::([-+])([^{}]*))?\}/;

/**
 * Splits a line as a Dockerfile's instructions are: at blanks that no quotes and no backslash protect, with variables put
 * in but for those between single quotes.
 */
export function splitWords(text: string, options: WordsOptions): readonly string[] {
  const words: string[] = [];
  let at = 0;
  while (at < text.length) {
    while (isBlank(text[at])) at += 1;
    if (at >= text.length) break;
    const { word, end } = oneWord(text, at, options);
    words.push(word);
    at = end;
  }
  return words;
}

/** A text that is one word whatever blanks it has: quotes go, variables are put in. */
export function expanded(text: string, options: WordsOptions): string {
  return oneWord(text, 0, options, false).word;
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\n' || character === '\r';
}

function oneWord(
  text: string,
  start: number,
  options: WordsOptions,
  endsAtBlank = true,
): { readonly word: string; readonly end: number } {
  let word = '';
  let quote = '';
  let at = start;
  for (; at < text.length; at += 1) {
    const character = text[at] as string;
    if (quote === '' && endsAtBlank && isBlank(character)) break;
    if (character === quote) quote = '';
    else if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (character === '\\' && quote !== "'") {
      const next = text[at + 1] ?? '';
      // Between double quotes a backslash protects what means something there, and is itself elsewhere.
      word += quote === '' || next === '"' || next === '$' || next === '\\' ? next : `\\${next}`;
      at += 1;
    } else if (character === '$' && quote !== "'") {
      const { value, length } = variable(text.slice(at + 1), options);
      word += value;
      at += length;
    } else word += character;
  }
  if (quote !== '') options.refuse(`a ${quote} is never closed`);
  return { word, end: at };
}

function variable(
  rest: string,
  { variables, refuse }: WordsOptions,
): { readonly value: string; readonly length: number } {
  const name = NAME.exec(rest)?.[0];
  if (name !== undefined) return { value: variables.get(name) ?? '', length: name.length };
  if (!rest.startsWith('{')) return { value: '$', length: 0 };
  const match = BRACED.exec(rest);
  if (match === null) refuse(`$${rest.slice(0, 20)} is no variable`);
  const [whole, braced = '', modifier, text = ''] = match as RegExpExecArray;
  const found = variables.get(braced) ?? '';
  const length = whole.length;
  if (modifier === '-') return { value: found === '' ? text : found, length };
  if (modifier === '+') return { value: found === '' ? '' : text, length };
  return { value: found, length };
}
