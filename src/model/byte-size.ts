import { defineErrors } from './error.ts';

export const byteSizeErrors = defineErrors('byte-size', {
  malformed: {
    kind: 'invalid-argument',
    message: (d: { text: string; what: string }) =>
      `${d.what} ${JSON.stringify(d.text)} is not a number with an optional unit of b, k, m, g or t`,
    remedy: () => 'write for example 64m, 1.5g or 1048576',
  },
  outOfRange: {
    kind: 'invalid-argument',
    message: (d: { text: string; what: string }) => `${d.what} ${JSON.stringify(d.text)} is more than any machine has`,
  },
});

const UNITS = ['', 'k', 'm', 'g', 't'];

/**
 * Parses a size as people write it: a number, then a unit of 1024ths with or without `b` or `ib`, in any case.
 *
 * @param what names the value in an error, for example `memory limit`
 * @returns whole bytes, rounded down
 * @throws {EngineError} `byte-size.malformed`, `byte-size.outOfRange` (invalid-argument)
 */
export function parseByteSize(text: string, what: string): number {
  const match = /^(\d{1,16}(?:\.\d{1,9})?) ?(?:([kmgt])(?:i?b)?|b)?$/i.exec(text.trim());
  if (match === null) throw byteSizeErrors.malformed({ text, what });
  const [, number = '', unit = ''] = match;
  const bytes = Math.floor(Number(number) * 1024 ** UNITS.indexOf(unit.toLowerCase()));
  if (!Number.isSafeInteger(bytes)) throw byteSizeErrors.outOfRange({ text, what });
  return bytes;
}

/** A size for people: the largest unit that leaves a whole number, or one decimal: `64 MiB`, `1.5 GiB`, `17 B`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = Number.isInteger(value) ? String(value) : value.toFixed(1);
  return unit === 0 ? `${bytes} B` : `${digits} ${UNITS[unit]?.toUpperCase()}iB`;
}
