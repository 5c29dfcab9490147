import { defineErrors } from './error.ts';

export const numberListErrors = defineErrors('number-list', {
  malformed: {
    kind: 'invalid-argument',
    message: (d: { field: string; text: string }) =>
      `${d.field} ${JSON.stringify(d.text)} is not a list of numbers and ranges such as 0-3,6`,
  },
});

/** More than any kernel counts: CPUs end at 8192 (NR_CPUS), memory nodes at 1024. */
const MAX_NUMBER = 65_535;

/**
 * The list format of the kernel (`0-3,6`), sorted and each number once.
 *
 * @throws {EngineError} `number-list.malformed` (invalid-argument), also for an empty list
 */
export function parseNumberList(field: string, text: string): readonly number[] {
  const numbers = new Set<number>();
  for (const range of text.trim().split(',')) {
    const match = /^\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*$/.exec(range);
    const first = Number(match?.[1] ?? Number.NaN);
    const last = Number(match?.[2] ?? first);
    if (!(first <= last && last <= MAX_NUMBER)) throw numberListErrors.malformed({ field, text });
    for (let number = first; number <= last; number += 1) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** The shortest list of these numbers, which are sorted: `[0, 1, 2, 6]` → `0-2,6`. */
export function formatNumberList(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range !== undefined && range[1] === number - 1) range[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
