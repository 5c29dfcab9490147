/** A report of vitest's JSON reporter, as far as it is read. */
export interface Report {
  readonly testResults: readonly FileResult[];
}

interface FileResult {
  readonly name: string;
  readonly status?: string;
  /** Why the file as a whole failed, where no test of it did. */
  readonly message?: string;
  readonly assertionResults: readonly {
    readonly fullName: string;
    readonly status: string;
    /** Of a test that passed: why its first attempt did not. */
    readonly failureMessages?: readonly string[];
  }[];
}

export interface Summary {
  /** What to print, the line that counts last. */
  readonly lines: readonly string[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Lines of a reason that are repeated at the end; the whole of it is further up, where the test ran. */
const REASON_LINES = 12;

/** What test runs came to. A file that failed without any test of its own failing counts as one failure. */
export function summary(reports: readonly Report[]): Summary {
  const skipped: string[] = [];
  const again: string[] = [];
  const failed: string[] = [];
  let passed = 0;
  for (const file of reports.flatMap((report) => report.testResults)) {
    let failures = 0;
    for (const { fullName, status, failureMessages = [] } of file.assertionResults) {
      if (status === 'passed') {
        passed += 1;
        if (failureMessages.length > 0) again.push(entry('passed when tried again', fullName, failureMessages));
      } else if (status === 'failed') {
        failures += 1;
        failed.push(entry('failed', `${fullName} (${file.name})`, failureMessages));
      } else skipped.push(`skipped: ${fullName}`);
    }
    if (file.status === 'failed' && failures === 0) failed.push(entry('failed', file.name, [file.message ?? '']));
  }
  const counts = `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`;
  return {
    ...{ passed, failed: failed.length, skipped: skipped.length },
    lines: [...skipped, ...again, ...failed, again.length > 0 ? `${counts}, ${again.length} tried again` : counts],
  };
}

function entry(what: string, name: string, messages: readonly string[]): string {
  const reason = messages.flatMap((message) => message.split('\n')).slice(0, REASON_LINES);
  return [`${what}: ${name}`, ...reason.map((line) => `    ${line}`)].join('\n');
}
