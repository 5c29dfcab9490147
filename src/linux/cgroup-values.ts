/** Parses `name value` lines such as memory.events, cpu.stat and memory.oom_control; other lines are left out. */
export function parseFlatKeyed(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  // Without regular expressions: memory.stat has half a hundred lines, and a thousand containers have one each.
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const space = text.indexOf(' ', start);
    if (space > start && space < end) {
      const value = digitsOf(text, space + 1, end);
      if (value !== undefined) values.set(text.slice(start, space), value);
    }
    start = end + 1;
  }
  return values;
}

const ZERO = 48;

/** @returns `undefined` unless there are digits and nothing else */
function digitsOf(text: string, start: number, end: number): number | undefined {
  if (start >= end) return undefined;
  let value = 0;
  for (let index = start; index < end; index += 1) {
    const digit = text.charCodeAt(index) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

/** Sums each name of nested keyed lines, `8:0 rbytes=1 wbytes=2` (io.stat), over all their keys. */
export function sumNestedKeyed(text: string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const [, name = '', digits] of text.matchAll(/(?<= )(\w+)=(\d+)(?=\s|$)/g)) {
    sums.set(name, (sums.get(name) ?? 0) + Number(digits));
  }
  return sums;
}

/** Sums each name of v1 blkio lines, `8:0 Read 4096`, over all devices; the line `Total 4096` is left out. */
export function sumDeviceLines(text: string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const [, name = '', digits] of text.matchAll(/^\d+:\d+ (\w+) (\d+)$/gm)) {
    sums.set(name, (sums.get(name) ?? 0) + Number(digits));
  }
  return sums;
}

/** A single number; `undefined` for `max`, for v1's "no bound" and for what is no number. */
export function parseBound(text: string): number | undefined {
  const digits = text.trim();
  if (!/^\d+$/.test(digits)) return undefined;
  const value = Number(digits);
  // v1 says "no limit" as the largest multiple of the page size in a signed 64-bit number, far beyond any memory.
  return value >= 2 ** 60 ? undefined : value;
}

/**
 * v1 shares (2 to 262144) as a v2 weight (1 to 10000): 2, 1024 and 262144 become 1, 100 and 10000, and what lies
 * between lies on the parabola of their logarithms, as in crun 1.23 and runc 1.3.2.
 */
export function weightOfShares(shares: number): number {
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34) - 1e-9);
}

/** The inverse of {@link weightOfShares}: 1, 100 and 10000 become 2, 1024 and 262144. */
export function sharesOfWeight(weight: number): number {
  return Math.round(2 ** ((-125 + Math.sqrt(125 * 125 + 4 * (126 + 612 * Math.log10(weight)))) / 2));
}

/** Docker's blkio weight (10 to 1000) as io.weight (1 to 10000), as crun and runc convert it. */
export function ioWeightOfBlkio(weight: number): number {
  return Math.trunc(1 + ((weight - 10) * 9999) / 990);
}

/** io.weight as a weight of BFQ (1 to 1000): both have 100 by default, so the default stays one (as systemd does). */
export function bfqWeightOfIo(weight: number): number {
  return weight <= 100 ? weight : Math.round(100 + ((weight - 100) * 900) / 9900);
}

/** The inverse of {@link bfqWeightOfIo}, to within its rounding. */
export function ioWeightOfBfq(weight: number): number {
  return weight <= 100 ? weight : Math.round(100 + ((weight - 100) * 9900) / 900);
}
