/** What the types of the library do not have yet (ECMA-262, JSON.rawJSON). */
type ExactJson = typeof JSON & { rawJSON(text: string): object };

/** An int64 that JSON tells digit by digit, where a number is rounded beyond 2^53. Pure. */
export function exactInteger(value: bigint): object {
  return (JSON as ExactJson).rawJSON(`${value}`);
}
