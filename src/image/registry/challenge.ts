/** What a registry asks for when it answers 401 (RFC 9110 §11.6.1, distribution token authentication). */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const MAX_HEADER = 8192;

/** Parses a WWW-Authenticate header; `undefined` when it holds nothing that we understand. */
export function parseChallenge(header: string): Challenge | undefined {
  if (header.length > MAX_HEADER) return undefined;
  const scheme = new RegExp(`^\\s*(${TOKEN})\\s*`).exec(header);
  if (scheme?.[1] === undefined) return undefined;
  const parameters = new Map<string, string>();
  const parameter = new RegExp(`\\s*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))\\s*(?:,|$)`, 'y');
  parameter.lastIndex = scheme[0].length;
  for (;;) {
    const match = parameter.exec(header);
    if (match === null) break;
    const [, name, quoted, plain] = match;
    if (name !== undefined) parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
  }
  return { scheme: scheme[1].toLowerCase(), parameters };
}
