import { expect, test } from 'vitest';
import type { Files } from '../../base/effects.ts';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { isolatedContainer } from '../isolator.fixture.ts';
import type { IsolatedContainer } from '../isolator.ts';
import { posixCpu } from './cpu.ts';
import { posixMemory } from './memory.ts';

const MIB = 1 << 20;

/** A monitor 10 with two processes of 3 MiB each, 2 MiB of which they share. */
function processes(): Files {
  const stat = (pid: number, parent: number): string =>
    `${pid} (sh) S ${parent} 1 1 0 -1 0 0 0 0 0 10 20 30 40 20 0 1 0 100 8192 768 0`;
  const files = memoryFiles({
    ...{ '/proc/10/stat': stat(10, 1), '/proc/11/stat': stat(11, 10), '/proc/12/stat': stat(12, 11) },
    ...{
      '/proc/10/cmdline': 'isopod-helper monitor x',
      '/proc/10/task/10/children': '11 ',
      '/proc/11/task/11/children': '12 ',
      '/proc/12/task/12/children': '',
    },
    ...{ '/proc/11/smaps_rollup': 'Rss: 3072 kB\nPss:    2048 kB\n', '/proc/12/smaps_rollup': 'Pss:    2048 kB\n' },
  });
  const auxiliary = new BigUint64Array([3n, 1n, 6n, 4096n, 0n, 0n]);
  return Object.assign(files, { readBytes: async () => new Uint8Array(auxiliary.buffer) });
}

function container(memoryLimitBytes?: number): IsolatedContainer {
  const known = isolatedContainer();
  const resources = memoryLimitBytes === undefined ? {} : { memoryLimitBytes };
  return { ...known, config: { ...known.config, resources }, pid: 11, startTime: 100n };
}

test('time and memory of all processes are counted, and the time of those that have ended', async () => {
  expect(await posixCpu({ files: processes() }).usage?.(container())).toEqual({ cpuUsageNs: 2_700_000_000 });
  expect(await posixMemory({ files: processes() }).usage?.(container())).toEqual({ memoryBytes: 6 * MIB, pids: 2 });
});

test('a container with a limit is polled, one without is not', () => {
  const isolator = posixMemory({ files: processes() });
  expect(isolator.watch?.(container(MIB))).toEqual({ kind: 'polled' });
  expect(isolator.watch?.(container())).toBeUndefined();
});

test('beyond the limit is told with limit and use', async () => {
  expect(await posixMemory({ files: processes() }).limitation?.(container(3 * MIB))).toEqual({
    ...{ isolator: 'posix/memory', resource: 'memory', times: 1 },
    message: 'the memory limit of 3 MiB was passed: 4 MiB were in use by 2 processes, and all were killed',
    statistics: { memoryBytes: 4 * MIB, memoryLimitBytes: 3 * MIB, pids: 2 },
  });
});

test.each([
  ['pages that are shared count once', 5 * MIB],
  ['what fits is no limitation', 8 * MIB],
])('%s', async (_, limit) => {
  expect(await posixMemory({ files: processes() }).limitation?.(container(limit))).toBeUndefined();
});

test('another process with the pid of one that has ended is not counted', async () => {
  const ended = { ...container(MIB), startTime: 99n };
  expect(await posixMemory({ files: processes() }).limitation?.(ended)).toBeUndefined();
  expect(await posixCpu({ files: processes() }).usage?.(ended)).toEqual({});
});
