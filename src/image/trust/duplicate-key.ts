/** What of JSON matters here: strings, what opens and closes, and commas; anything else is passed over. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],]/gs;

interface OpenObject {
  readonly keys: Set<string>;
  /** Whether the next string is a key. */
  isAtKey: boolean;
}

/**
 * A key that one object of a JSON text has twice, of which parsers keep the last without a word. Pure.
 *
 * @param text JSON that has been parsed: of what is none the answer means nothing
 * @returns `undefined` where there is none
 */
export function duplicateKeyIn(text: string): string | undefined {
  const open: (OpenObject | 'list')[] = [];
  for (const [token] of text.matchAll(TOKEN)) {
    const inner = open.at(-1);
    if (token === '{') open.push({ keys: new Set(), isAtKey: true });
    else if (token === '[') open.push('list');
    else if (token === '}' || token === ']') open.pop();
    else if (inner === undefined || inner === 'list') continue;
    else if (token === ',') inner.isAtKey = true;
    else if (inner.isAtKey) {
      // The same key may be spelled in two ways: "a" and "\u0061".
      const key = JSON.parse(token) as string;
      if (inner.keys.has(key)) return key;
      inner.keys.add(key);
      inner.isAtKey = false;
    }
  }
  return undefined;
}
