import type { Files } from '../../base/effects.ts';
import { readPageSize, readProportionalBytes } from '../../linux/process-memory.ts';
import { type TreeUse, treeUse } from '../../linux/process-tree.ts';
import { formatBytes } from '../../model/byte-size.ts';
import type { Limitation } from '../../model/exit-status.ts';
import type { IsolatedContainer, Isolator } from '../isolator.ts';

/**
 * Isolator `posix/memory`: counts the memory and the processes of a container without groups. Its limit is looked after
 * by polling: a container that is beyond it when somebody looks is killed.
 */
export function posixMemory({ files }: { readonly files: Files }): Isolator {
  let pageSize: Promise<number> | undefined;
  const residentBytes = async ({ processes }: TreeUse): Promise<number> => {
    pageSize ??= readPageSize(files);
    return processes.reduce((sum, { residentPages }) => sum + residentPages, 0) * (await pageSize);
  };
  return {
    name: 'posix/memory',
    requires: [],
    launchers: ['posix'],
    plan: () => ({}),
    watch: ({ config }) => (config.resources.memoryLimitBytes === undefined ? undefined : { kind: 'polled' }),
    limitation: async (container) => {
      const limitBytes = container.config.resources.memoryLimitBytes;
      const use = await useOf(files, container);
      if (use === undefined || limitBytes === undefined || (await residentBytes(use)) <= limitBytes) return undefined;
      // Pages that several processes share were counted for each of them: only now is it worth to look closer.
      const memoryBytes = await proportionalBytes(files, use);
      return memoryBytes > limitBytes
        ? limitationOf({ memoryBytes, limitBytes, pids: use.processes.length })
        : undefined;
    },
    /** `memoryBytes`, `pids`. */
    usage: async (container) => {
      const use = await useOf(files, container);
      if (use === undefined) return {};
      return { memoryBytes: await residentBytes(use), pids: use.processes.length };
    },
  };
}

async function useOf(files: Files, { pid, startTime }: IsolatedContainer): Promise<TreeUse | undefined> {
  return pid === undefined || startTime === undefined ? undefined : treeUse(files, { pid, startTime });
}

async function proportionalBytes(files: Files, { processes }: TreeUse): Promise<number> {
  let sum = 0;
  for (const { pid } of processes) sum += await readProportionalBytes(files, pid);
  return sum;
}

function limitationOf(seen: {
  readonly memoryBytes: number;
  readonly limitBytes: number;
  readonly pids: number;
}): Limitation {
  const { memoryBytes, limitBytes, pids } = seen;
  const limit = formatBytes(limitBytes);
  return {
    isolator: 'posix/memory',
    resource: 'memory',
    times: 1,
    message: `the memory limit of ${limit} was passed: ${formatBytes(memoryBytes)} were in use by ${pids} processes, and all were killed`,
    statistics: { memoryBytes, memoryLimitBytes: limitBytes, pids },
  };
}
