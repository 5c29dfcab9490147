/** What a host without CAP_SYS_RESOURCE refuses, and a guest, whose root has every right, does not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ContainerRequest } from '../../src/model/check-request.ts';
import { encodeLaunch } from '../../src/plan/encode.ts';
import { output } from '../kernel/support/launches.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';

let host: PlannedHost;
beforeAll(async () => {
  host = new PlannedHost();
  await host.start();
});
afterAll(() => host.stop());

async function printed(script: string, request: Partial<ContainerRequest>): Promise<string> {
  const { plan, channel } = await host.plan({ command: ['/bin/sh', '-c', script], ...request });
  const { text, waitStatus } = await output(host.helper, encodeLaunch(plan, channel));
  expect(waitStatus, text).toBe(0);
  return text;
}

describe.skipIf(!PlannedHost.isPossible)('with every right, a container', () => {
  test('has hard limits above those of the agent', async () => {
    const rlimits = { nofile: { soft: 1_048_000, hard: 1_048_576 } } as const;
    expect(await printed('ulimit -Sn; ulimit -Hn', { process: { rlimits } as ContainerRequest['process'] })).toBe(
      '1048000\n1048576\n',
    );
  });

  test('is spared when memory is short, if it says so', async () => {
    expect(
      await printed('cat /proc/self/oom_score_adj', { process: { oomScoreAdj: -900 } as ContainerRequest['process'] }),
    ).toBe('-900\n');
  });
});
