/**
 * Adds the test runs up, names what was skipped, and ends with the one line that counts. Its arguments are the reports, in
 * `.build`; without any, those of `npm test`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

const BUILD = join(import.meta.dirname, '..', '.build');
const totals = { passed: 0, failed: 0, skipped: 0 };
const skipped: string[] = [];

const named = process.argv.slice(2);
const reports = named.length > 0 ? named : ['unit.json', 'kernel.json', 'vm-quick.json'];

for (const name of reports) {
  const path = join(BUILD, name);
  if (!existsSync(path)) continue;
  const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
  for (const file of report.testResults) {
    for (const { fullName, status } of file.assertionResults) {
      if (status === 'passed') totals.passed += 1;
      else if (status === 'failed') totals.failed += 1;
      else {
        totals.skipped += 1;
        skipped.push(fullName);
      }
    }
  }
}

for (const name of skipped) process.stdout.write(`skipped: ${name}\n`);
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
// A lane may be skipped as a whole, where the host lacks what it needs; `npm test` always has something to run.
const nothingRan = totals.passed === 0 && (named.length === 0 || totals.skipped === 0);
if (totals.failed > 0 || nothingRan) process.exitCode = 1;
