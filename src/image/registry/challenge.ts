/** What a registry asks for when it answers 401 (RFC 9110 §11.6.1, distribution token authentication). */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const MAX_HEADER = 8192;
const MAX_CHALLENGES = 8;

/** Parses the challenges of a WWW-Authenticate header, in its order; those that we cannot read are left out. */
export function parseChallenges(header: string): readonly Challenge[] {
  if (header.length > MAX_HEADER) return [];
  const challenges: Challenge[] = [];
  const scheme = new RegExp(`[\\s,]*(${TOKEN})(?:\\s+|\\s*(?:,|$))(?!=)`, 'y');
  const parameter = new RegExp(`[\\s,]*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))\\s*(?:,|$)`, 'y');
  let at = 0;
  while (challenges.length < MAX_CHALLENGES) {
    scheme.lastIndex = at;
    const name = scheme.exec(header)?.[1];
    if (name === undefined) break;
    at = scheme.lastIndex;
    const parameters = new Map<string, string>();
    for (;;) {
      parameter.lastIndex = at;
      const match = parameter.exec(header);
      if (match === null) break;
      at = parameter.lastIndex;
      const [, key, quoted, plain] = match;
      if (key !== undefined) parameters.set(key.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
    }
    challenges.push({ scheme: name.toLowerCase(), parameters });
  }
  return challenges;
}

/** The challenge that we can answer best: a token is better than the password itself. */
export function chooseChallenge(header: string): Challenge | undefined {
  const challenges = parseChallenges(header);
  const of = (scheme: string): Challenge | undefined => challenges.find((challenge) => challenge.scheme === scheme);
  return of('bearer') ?? of('basic');
}
