/**
 * What runs inside the guest: loads the bundled test files named by its arguments, one after the other, runs each, and
 * writes a report in the form of vitest's JSON reporter.
 *
 *     node guest-main.js REPORT FILE...
 */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Assertion, runSuite } from './run-suite.ts';
import { newSuite } from './tree.ts';
import { collector } from './vitest-api.ts';

const MARKS = { passed: '✓', failed: '×', skipped: '↓' } as const;

const [report = '', ...files] = process.argv.slice(2);
const testResults: { readonly name: string; readonly assertionResults: readonly Assertion[] }[] = [];
let failed = false;

for (const name of files) {
  const assertionResults: Assertion[] = [];
  const tell = (assertion: Assertion): void => {
    assertionResults.push(assertion);
    if (assertion.status === 'failed') failed = true;
    process.stdout.write(` ${MARKS[assertion.status]} ${assertion.fullName} ${assertion.duration} ms\n`);
    for (const message of assertion.failureMessages) process.stdout.write(`${message}\n`);
  };
  process.stdout.write(`${name}\n`);
  const suite = newSuite('', false);
  try {
    await collector.collect(suite, () => import(pathToFileURL(name).href));
    await runSuite(suite, tell);
  } catch (error) {
    const failureMessages = [String(error instanceof Error ? error.stack : error)];
    tell({ fullName: `${name} can be loaded`, status: 'failed', duration: 0, failureMessages });
  }
  testResults.push({ name, assertionResults });
  writeFileSync(report, JSON.stringify({ testResults }));
}
process.exit(failed ? 1 : 0);
