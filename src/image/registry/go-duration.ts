const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);
const PART = /^(\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(ns|us|µs|μs|ms|s|m|h)/;
const MAX_PARTS = 16;

/** Milliseconds of a time as Go's `time.ParseDuration` reads it (`1m30s`, `1.5h`, `0`); `undefined` for none, or one below 0. */
export function goDurationMs(text: string): number | undefined {
  let rest = text.replace(/^\+/, '');
  if (rest === '0') return 0;
  let sumMs = 0;
  for (let parts = 0; parts < MAX_PARTS; parts++) {
    const match = PART.exec(rest);
    if (match === null) return undefined;
    sumMs += Number(match[1]) * (UNITS_MS.get(match[2] ?? '') ?? 0);
    rest = rest.slice(match[0].length);
    if (rest === '') return sumMs;
  }
  return undefined;
}
