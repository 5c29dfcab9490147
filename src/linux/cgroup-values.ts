/** Parses `name value` lines such as memory.events, cpu.stat and memory.oom_control; other lines are left out. */
export function parseFlatKeyed(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^(\S+) (\d+)$/.exec(line);
    if (match?.[1] !== undefined) values.set(match[1], Number(match[2]));
  }
  return values;
}

/** A single number; `undefined` for `max`, for v1's "no bound" and for what is no number. */
export function parseBound(text: string): number | undefined {
  const digits = text.trim();
  if (!/^\d+$/.test(digits)) return undefined;
  const value = Number(digits);
  // v1 says "no limit" as the largest multiple of the page size in a signed 64-bit number, far beyond any memory.
  return value >= 2 ** 60 ? undefined : value;
}
