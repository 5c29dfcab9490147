/** Weights of one disk, whose scheduler decides which knob it obeys: only a guest's disk is ours to give another one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { describeFailure } from '../../src/plan/describe-failure.ts';
import { encodeLaunch } from '../../src/plan/encode.ts';
import { failure } from '../kernel/support/launches.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { testDisk } from '../kernel/support/test-disk.ts';

const DISK = testDisk() ?? '';
const SCHEDULER = `/sys/dev/block/${DISK}/queue/scheduler`;
/** Of a weight of disks in v2, by cost (admin-guide/cgroup-v2.rst). */
const COST = '/sys/fs/cgroup/io.cost.qos';
const request = {
  command: ['/bin/sleep', '60'],
  resources: { ioDevices: [{ device: DISK, blkioWeight: 300 }] },
};

describe.skipIf(DISK === '')('a weight of one disk', () => {
  let host: PlannedHost;
  let before: string;
  beforeAll(async () => {
    host = new PlannedHost();
    await host.start();
    before = /\[(.*)\]/.exec(readFileSync(SCHEDULER, 'utf8'))?.[1] ?? '';
  });
  afterEach(() => writeFileSync(SCHEDULER, before));
  afterAll(() => host.stop());

  /** Launches it. @returns what the knob says of the disk */
  async function said(knob: string): Promise<string | undefined> {
    const { plan, channel } = await host.plan(request);
    await host.helper.run(encodeLaunch(plan, channel));
    const group = plan.cgroups.find(({ knobs }) => knobs.some(({ file }) => file === knob));
    const lines = readFileSync(join(group?.path ?? '', knob), 'utf8').split('\n');
    return lines.find((line) => line.startsWith(`${DISK} `));
  }

  test('goes to the knob of BFQ, where that is its scheduler', async () => {
    writeFileSync(SCHEDULER, 'bfq');
    const knob = host.facts.controllers.io === 2 ? 'io.bfq.weight' : 'blkio.bfq.weight_device';
    expect(await said(knob)).toBe(`${DISK} 300`);
  });

  test('is refused by name, where nothing would keep it', async () => {
    writeFileSync(SCHEDULER, 'none');
    if (host.facts.controllers.io === 1) {
      await expect(host.plan(request)).rejects.toMatchObject({ code: 'cgroups.noWeights' });
      return;
    }
    const { plan, channel } = await host.plan(request);
    const encoded = encodeLaunch(plan, channel);
    const { step, errno, detail } = await failure(host.helper, encoded);
    const error = describeFailure(encoded, { phase: 'host', stepIndex: step, errno, detail });
    expect(error).toMatchObject({ code: 'plan.knobInactive', message: expect.stringContaining('io.weight') });
  });

  test('goes to that of costs, where the disk is served by them', async ({ skip }) => {
    if (host.facts.controllers.io !== 2) return skip('costs are of v2');
    writeFileSync(SCHEDULER, 'none');
    writeFileSync(COST, `${DISK} enable=1`);
    try {
      // The same share on the scale of this knob, 1 to 10000.
      expect(await said('io.weight')).toBe(`${DISK} 2930`);
    } finally {
      writeFileSync(COST, `${DISK} enable=0`);
    }
  });
});
