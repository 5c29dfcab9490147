/** What the probe has found, by kind and subject: native/probe/probe.c prints a line each. */
export class Findings {
  readonly #results = new Map<string, string>();
  readonly #subjects = new Map<string, string[]>();

  /** @param lines `KIND TAB SUBJECT TAB RESULT`; anything else is passed over */
  constructor(lines: Iterable<string>) {
    for (const line of lines) {
      const [kind, subject, result] = line.split('\t');
      if (kind === undefined || subject === undefined || result === undefined) continue;
      this.#results.set(`${kind}\t${subject}`, result.trim());
      this.#subjects.set(kind, [...(this.#subjects.get(kind) ?? []), subject]);
    }
  }

  /** @returns `undefined` for what the probe did not come to */
  get(kind: string, subject: string): string | undefined {
    return this.#results.get(`${kind}\t${subject}`);
  }

  subjects(kind: string): readonly string[] {
    return this.#subjects.get(kind) ?? [];
  }

  /** Whether the probe got to its end. */
  get isComplete(): boolean {
    return this.get('end', 'probe') === 'ok';
  }
}
