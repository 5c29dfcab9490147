/** One line of a security report: what the plan says beside what was found when it was tried. */
export interface ReportRow {
  /** Rows of one topic stand together. */
  readonly topic: string;
  readonly subject: string;
  /** The isolator that asked, or `engine`. */
  readonly by: string;
  readonly planned: string;
  readonly probed: string;
  /** `unproved`: it could not be tried. */
  readonly verdict: 'agrees' | 'differs' | 'unproved';
}

/** @param probed `undefined` for what could not be tried */
export function row(
  what: { readonly topic: string; readonly subject: string; readonly by: string | undefined },
  planned: string,
  probed: string | undefined,
  agrees: boolean,
): ReportRow {
  const { topic, subject, by = 'engine' } = what;
  const verdict = probed === undefined ? 'unproved' : agrees ? 'agrees' : 'differs';
  return { topic, subject, by, planned, probed: probed ?? 'not tried', verdict };
}
