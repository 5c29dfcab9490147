/** Adds the test runs up, names what was skipped, and ends with the one line that counts. */
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

for (const name of ['unit.json', 'kernel.json', 'vm-quick.json']) {
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
if (totals.failed > 0 || totals.passed === 0) process.exitCode = 1;
