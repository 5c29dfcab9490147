/** Network classes that the agent may give out: one major number, and minor numbers from `first` to `last`. */
export interface NetClassRange {
  readonly major: number;
  readonly first: number;
  readonly last: number;
}

/** `10:1` as tc(8) writes it, both numbers hexadecimal; `undefined` for anything else and for 0:0, which is no class. */
export function parseNetClass(text: string): number | undefined {
  const match = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(text);
  if (match === null) return undefined;
  const classId = Number.parseInt(match[1] ?? '', 16) * 0x1_0000 + Number.parseInt(match[2] ?? '', 16);
  return classId === 0 ? undefined : classId;
}

/** `10:1-ffff`; `undefined` for anything else, and for a minor number of 0, which is no class of its own. */
export function parseNetClassRange(text: string): NetClassRange | undefined {
  const match = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})-([0-9a-f]{1,4})$/i.exec(text);
  if (match === null) return undefined;
  const [major = 0, first = 0, last = 0] = match.slice(1).map((digits) => Number.parseInt(digits, 16));
  return major > 0 && first > 0 && first <= last ? { major, first, last } : undefined;
}
