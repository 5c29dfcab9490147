import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../base/effects/node-effects.ts';
import { openAuditLog } from './audit-log.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isopod-audit-'));
});
afterEach(() => rm(directory, { recursive: true }));

const record = (request: string) =>
  ({ time: 't', request, who: 'user 1', door: 'socket', what: 'X', outcome: 'done' }) as const;

test('a record is a line of the file when the call that writes it returns, after those of earlier agents', async () => {
  const path = join(directory, 'audit.log');
  for (const request of ['a', 'b']) {
    const log = await openAuditLog(nodeEffects().files, { path, report: () => {} });
    log.write(record(request));
  }
  const lines = (await readFile(path, 'utf8')).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line).request)).toEqual(['a', 'b']);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('a file that has grown makes way for another, four are kept, and no record is lost meanwhile', async () => {
  const path = join(directory, 'audit.log');
  const failures: unknown[] = [];
  const log = await openAuditLog(nodeEffects().files, {
    ...{ path, rotateBytes: 1_000 },
    report: (error) => failures.push(error),
  });
  for (let turn = 0; turn < 8; turn += 1) {
    for (let line = 0; line < 15; line += 1) log.write(record(`${turn}.${line}`));
    // The next file is there once the last of the moves is done.
    await expect
      .poll(
        () =>
          stat(path).then(
            ({ size }) => size,
            () => 9_999,
          ),
        { timeout: 10_000 },
      )
      .toBeLessThan(1_000);
  }
  expect((await readdir(directory)).sort()).toEqual(['audit.log', ...[1, 2, 3, 4].map((n) => `audit.log.${n}`)]);
  const newest = await readFile(`${path}.1`, 'utf8');
  expect(newest).toContain('"7.14"');
  expect(newest.trim().split('\n').length + (await readFile(`${path}.2`, 'utf8')).trim().split('\n').length).toBe(30);
  expect(failures).toEqual([]);
});
