import { expect, test } from 'vitest';
import { checkProcess, type ProcessRequest, type Rlimit } from './process-config.ts';

const refusal = (process: ProcessRequest): string => {
  try {
    checkProcess(process);
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
};

test.each<ProcessRequest>([
  { rlimits: { nofile: { soft: 10, hard: 20 }, core: { soft: 'unlimited', hard: 'unlimited' } } },
  { rlimits: { stack: { soft: 4096, hard: 'unlimited' } } },
  { oomScoreAdj: -1000 },
  { scheduler: { policy: 'other', nice: -20 } },
  { scheduler: { policy: 'rr', priority: 99 } },
  { scheduler: { policy: 'deadline', runtimeNs: 1024, deadlineNs: 1024, periodNs: 2048 } },
  { ioPriority: { class: 'best-effort', level: 7 } },
  { memoryPolicy: { mode: 'bind', nodes: [0, 1023] } },
  { memoryPolicy: { mode: 'local', nodes: [] } },
])('%j is accepted', (process) => {
  expect(refusal(process)).toBe('accepted');
});

test.each<[ProcessRequest, string]>([
  [{ rlimits: { bogus: { soft: 1, hard: 1 } } as Readonly<Record<string, Rlimit>> }, 'no resource limit "bogus"'],
  [{ rlimits: { nofile: { soft: 20, hard: 10 } } }, 'soft value of 20 above its hard value of 10'],
  [{ rlimits: { nofile: { soft: 'unlimited', hard: 10 } } }, 'soft value of unlimited above its hard value of 10'],
  [{ rlimits: { cpu: { soft: 1.5, hard: 2 } } }, 'resource limit cpu 1.5'],
  [{ oomScoreAdj: 1001 }, 'oom_score_adj 1001 is not a whole number from -1000 to 1000'],
  [{ scheduler: { policy: 'idle', nice: 1 } }, 'nice means nothing for scheduler idle'],
  [{ scheduler: { policy: 'fifo' } }, 'scheduler fifo needs priority'],
  [{ scheduler: { policy: 'fifo', priority: 100 } }, 'priority 100'],
  [{ scheduler: { policy: 'other', nice: 20 } }, 'nice 20'],
  [{ scheduler: { policy: 'deadline', runtimeNs: 5000, deadlineNs: 4000, periodNs: 6000 } }, 'do not grow'],
  [{ scheduler: { policy: 'deadline', runtimeNs: 5000 } }, 'scheduler deadline needs deadlineNs'],
  [{ ioPriority: { class: 'idle', level: 1 } }, 'level of the input/output priority 1'],
  [{ memoryPolicy: { mode: 'bind', nodes: [] } }, 'memory policy bind needs nodes'],
  [{ memoryPolicy: { mode: 'local', nodes: [1] } }, 'nodes means nothing for memory policy local'],
  [{ memoryPolicy: { mode: 'bind', nodes: [1024] } }, 'number of a memory node 1024'],
])('%j is refused', (process, message) => {
  expect(refusal(process)).toContain(message);
});
