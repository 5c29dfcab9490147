/**
 * Runs the test files of a lane in a guest and leaves a report in the form of vitest's JSON reporter in
 * `.build/vm-LANE.json`:
 *
 *     run-lane.ts quick|full|full-v1 [FILE...]
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleTests } from './bundle-tests.ts';
import { LANES, type LaneName } from './lanes.ts';
import { prepareQemuGuest } from './qemu-guest.ts';
import { runGuest } from './run-guest.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** Replaces this program by another version of itself, which no guest could build. */
const REPLACING = 'test/vm/service-units.test.ts';
/** A guest that hangs is killed after so long; a loaded machine needs minutes for what takes one. */
const DEADLINE_MS = { quick: 30 * 60_000, full: 90 * 60_000, 'full-v1': 90 * 60_000 } as const;
/** Of the end of the console, when a guest did not get to its own. */
const CONSOLE_SHOWN_CHARACTERS = 8000;

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
  if (files.includes(REPLACING)) {
    execFileSync('sh', [join(import.meta.dirname, 'build-next-version.sh')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  await bundleTests(ROOT, files, join(job, 'tests'));
  writeFileSync(join(job, 'files'), files.map((file) => `/run/job/tests/${file.replace(/ts$/, 'mjs')}`).join('\n'));
  const { text: ended, interrupted } = await runGuest(guestCommand(), DEADLINE_MS[lane]);
  if (interrupted !== undefined) {
    process.stdout.write(`guest ${lane}: ${ended}\n`);
    return interrupted;
  }
  const rc = existsSync(join(job, 'rc')) ? Number(readFileSync(join(job, 'rc'), 'utf8')) : undefined;
  const report = readReport();
  const wholeness = guestFault(files, { rc, ended, report });
  if (wholeness !== undefined) {
    const assertionResults = [{ fullName: `the guest ${lane}`, status: 'failed', failureMessages: [wholeness] }];
    report.testResults.push({ name: 'the guest itself', assertionResults });
    process.stdout.write(`${wholeness}\n${endOfConsole()}`);
  }
  writeFileSync(reportPath, JSON.stringify(report));
  const seconds = Math.round((performance.now() - start) / 1000);
  process.stdout.write(`guest ${lane}: ${files.length} files in ${seconds} s\n`);
  return rc === 0 && wholeness === undefined ? 0 : 1;
}

/** @returns the command that runs the lane's guest, with all that it needs made */
function guestCommand(): readonly string[] {
  if (lane === 'quick') return ['sh', join(import.meta.dirname, 'guest', 'uml-host.sh'), ROOT, job];
  return prepareQemuGuest(ROOT, job, lane === 'full' ? 'v2' : 'v1');
}

/** What a guest that has a console said there last. */
function endOfConsole(): string {
  const path = join(job, 'console');
  if (!existsSync(path)) return '';
  return `its console ended with\n${readFileSync(path, 'utf8').slice(-CONSOLE_SHOWN_CHARACTERS)}\n`;
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
