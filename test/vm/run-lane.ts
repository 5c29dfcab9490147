/**
 * Runs the test files of a lane in a guest and leaves a report in the form of vitest's JSON reporter in
 * `.build/vm-LANE.json`:
 *
 *     run-lane.ts quick [FILE...]
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleTests } from './bundle-tests.ts';
import { LANES, type LaneName } from './lanes.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** A guest that hangs is killed after so long; a loaded machine needs minutes for what takes one. */
const DEADLINE_MS = 30 * 60_000;

const [lane = 'quick', ...chosen] = process.argv.slice(2) as [LaneName, ...string[]];
const reportPath = join(ROOT, '.build', `vm-${lane}.json`);
const job = mkdtempSync(join(tmpdir(), 'isopod-vm-'));
mkdirSync(join(ROOT, '.build'), { recursive: true });
rmSync(reportPath, { force: true });
try {
  process.exitCode = await runLane(chosen.length > 0 ? chosen : LANES[lane]);
} finally {
  rmSync(job, { recursive: true, force: true });
}

async function runLane(files: readonly string[]): Promise<number> {
  const start = performance.now();
  await bundleTests(ROOT, files, join(job, 'tests'));
  writeFileSync(join(job, 'files'), files.map((file) => `/run/job/tests/${file.replace(/ts$/, 'mjs')}`).join('\n'));
  const ended = await runGuest(['sh', join(import.meta.dirname, 'guest', 'uml-host.sh'), ROOT, job]);
  const rc = existsSync(join(job, 'rc')) ? Number(readFileSync(join(job, 'rc'), 'utf8')) : undefined;
  const report = readReport();
  const wholeness = guestFault(files, { rc, ended, report });
  if (wholeness !== undefined) {
    const assertionResults = [{ fullName: `the guest ${lane}`, status: 'failed', failureMessages: [wholeness] }];
    report.testResults.push({ name: 'the guest itself', assertionResults });
    process.stdout.write(`${wholeness}\n`);
  }
  writeFileSync(reportPath, JSON.stringify(report));
  const seconds = Math.round((performance.now() - start) / 1000);
  process.stdout.write(`guest ${lane}: ${files.length} files in ${seconds} s\n`);
  return rc === 0 && wholeness === undefined ? 0 : 1;
}

interface Report {
  readonly testResults: {
    name: string;
    assertionResults: readonly { fullName: string; status: string; failureMessages: readonly string[] }[];
  }[];
}

function readReport(): Report {
  const path = join(job, 'report.json');
  if (!existsSync(path)) return { testResults: [] };
  return JSON.parse(readFileSync(path, 'utf8')) as Report;
}

/** Whether the guest got to the end of all files; what a test says is in its own result. */
function guestFault(
  files: readonly string[],
  { rc, ended, report }: { readonly rc: number | undefined; readonly ended: string; readonly report: Report },
): string | undefined {
  if (rc === undefined) return `the guest left no exit code: ${ended}`;
  if (report.testResults.length !== files.length) {
    return `the guest ran ${report.testResults.length} of ${files.length} files and ended with ${rc}`;
  }
  return undefined;
}

/** @returns how the guest's process ended */
async function runGuest(command: readonly string[]): Promise<string> {
  const words = ['--mount', '--pid', '--fork', '--kill-child', ...command];
  const child = spawn('unshare', words, { stdio: ['ignore', 'inherit', 'inherit'] });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, DEADLINE_MS);
  const ended = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(`its process ended with ${code ?? signal}`));
  });
  clearTimeout(timer);
  return late ? `it was killed after ${DEADLINE_MS / 1000} s` : ended;
}
