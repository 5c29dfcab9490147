/**
 * Adds the test runs up: names what was skipped, what failed first and passed when it was tried again, and what failed, with
 * the reason, and ends with the one line that counts. Its arguments are the reports, in `.build`; without any, those of
 * `npm test`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Report, summary } from './test-report.ts';

const BUILD = join(import.meta.dirname, '..', '.build');
const named = process.argv.slice(2);
const reports = (named.length > 0 ? named : ['unit.json', 'kernel.json', 'vm-quick.json'])
  .map((name) => join(BUILD, name))
  .filter((path) => existsSync(path))
  .map((path) => JSON.parse(readFileSync(path, 'utf8')) as Report);

const { lines, passed, failed, skipped } = summary(reports);
for (const line of lines) process.stdout.write(`${line}\n`);
// A lane may be skipped as a whole, where the host lacks what it needs; `npm test` always has something to run.
const nothingRan = passed === 0 && (named.length === 0 || skipped === 0);
if (failed > 0 || nothingRan) process.exitCode = 1;
