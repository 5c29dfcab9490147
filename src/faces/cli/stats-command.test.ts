import { expect, test } from 'vitest';
import type { ContainerStatsJson, StatsJson } from './container-json.ts';
import { statsTable } from './stats-command.ts';

const MIB = 1 << 20;
const HOST_BYTES = 1024 * MIB;

function moment(atMs: number, changes: Partial<ContainerStatsJson> = {}): StatsJson {
  const usage = { cpuUsageNs: atMs * 500_000, memoryBytes: 80 * MIB, memoryInactiveFileBytes: 16 * MIB, pids: 3 };
  const pressure = { cpu: { some: { percent10s: 12.4 } } };
  return { atMs, containers: [{ uid: 'u', name: 'web', state: 'running', atMs, usage, pressure, ...changes }] };
}

const cells = (now: StatsJson, before?: StatsJson): readonly string[] =>
  (statsTable(now, before, HOST_BYTES).split('\n')[1] ?? '').split(/ {2,}/);

test('the share of the processors is that between two moments', () => {
  expect(cells(moment(3_000), moment(1_000))[2]).toBe('50.00%');
  expect(cells(moment(3_000))[2]).toBe('--');
});

test('memory is told without file cache that nobody uses, beside the limit or what the host has', () => {
  expect(cells(moment(1)).slice(3, 5)).toEqual(['64 MiB / 1 GiB', '6.25%']);
  const limited = moment(1, { usage: { memoryBytes: 32 * MIB, memoryLimitBytes: 64 * MIB } });
  expect(cells(limited).slice(3, 5)).toEqual(['32 MiB / 64 MiB', '50.00%']);
});

test('what is not known is told as such, and a state that is not running stands beside the name', () => {
  const ended = moment(1, { state: 'terminated', usage: {}, pressure: {} });
  expect(cells(ended)).toEqual(['u', 'web (terminated)', '--', '--', '--', '--', '--', '--', '-- / -- / --']);
});

test('disks and pressure have their columns', () => {
  const busy = moment(1, { usage: { ioReadBytes: 2 * MIB, ioWrittenBytes: 512 } });
  expect(cells(busy).slice(5)).toEqual(['--', '2 MiB / 512 B', '--', '12% / -- / --']);
});

test('the table has the columns of docker stats, and that of disks where somebody accounts them', () => {
  const web = { networkReceivedBytes: 3 * MIB, networkSentBytes: 1536, ioReadBytes: 2 * MIB, ioWrittenBytes: 512 };
  const [first] = moment(2_000).containers;
  const [second] = moment(2_000, {
    uid: 'v',
    name: 'db',
    disk: { usedBytes: 5 * MIB, limitBytes: 9 * MIB },
  }).containers;
  const [third] = moment(2_000, { uid: 'w', name: 'bounded', usage: {}, disk: { limitBytes: 9 * MIB } }).containers;
  if (first === undefined || second === undefined || third === undefined) throw new Error('three were made');
  const busy = { ...first, usage: { ...first.usage, ...web } };
  const before = moment(1_000);
  expect(statsTable({ atMs: 2_000, containers: [busy] }, before, HOST_BYTES)).toBe(
    [
      'UID  NAME  CPU %   MEM USAGE / LIMIT  MEM %  NET I/O          BLOCK I/O      PIDS  WAITS FOR CPU/MEM/IO',
      'u    web   50.00%  64 MiB / 1 GiB     6.25%  3 MiB / 1.5 KiB  2 MiB / 512 B  3     12% / -- / --',
      '',
    ].join('\n'),
  );
  expect(statsTable({ atMs: 2_000, containers: [busy, second, third] }, before, HOST_BYTES)).toBe(
    [
      'UID  NAME     CPU %   MEM USAGE / LIMIT  MEM %  NET I/O          BLOCK I/O      PIDS  DISK USAGE / LIMIT  WAITS FOR CPU/MEM/IO',
      'u    web      50.00%  64 MiB / 1 GiB     6.25%  3 MiB / 1.5 KiB  2 MiB / 512 B  3     --                  12% / -- / --',
      'v    db       --      64 MiB / 1 GiB     6.25%  --               --             3     5 MiB / 9 MiB       12% / -- / --',
      'w    bounded  --      --                 --     --               --             --    -- / 9 MiB          12% / -- / --',
      '',
    ].join('\n'),
  );
});
