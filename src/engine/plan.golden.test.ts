import { describe, expect, test } from 'vitest';
import { parseContainerUid } from '../model/container-id.ts';
import { completeExecConfig } from '../model/container-request.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import { encodeMessage } from '../model/wire-codec.ts';
import { encodeLaunch } from '../plan/encode.ts';
import { encodeSession } from '../plan/encode-session.ts';
import {
  ALL_V1,
  ALL_V2,
  CHANNEL,
  DEBIAN,
  type GoldenCase,
  golden,
  HYBRID,
  OVERLAY,
  planOf,
  planText,
  stepLines,
  V2,
} from './golden.fixture.ts';
import { enginePaths } from './paths.ts';
import { PlanTemplate, type Tickets } from './planned-launch.ts';

/** A volume, every limit, and everything that an image brings. */
const debian: GoldenCase = {
  request: {
    command: ['python3', '-c', 'print(1)'],
    env: ['LANG=C'],
    volumes: [{ hostPath: '/data', containerPath: '/mnt/data', readOnly: true }],
    resources: { memoryLimitBytes: 64 << 20, cpuMillis: 1500, pidsLimit: 100 },
  },
  image: DEBIAN,
  rootfs: OVERLAY,
  hierarchies: HYBRID,
  files: { '/data/x': '' },
};

/** Every limit that both versions have. */
const limited: Omit<GoldenCase, 'hierarchies'> = {
  request: {
    rootfs: { kind: 'none' },
    command: ['id'],
    resources: {
      ...{ cpuMillis: 1500, cpuBurstUs: 5000, cpuShares: 512, cpusetCpus: '1', cpusetMems: '0', pidsLimit: 100 },
      ...{ memoryLimitBytes: 64 << 20, memoryReservationBytes: 32 << 20, memorySwapBytes: 96 << 20 },
      blkioWeight: 300,
      ioDevices: [
        { device: '/dev/sda', readBytesPerSecond: 1 << 20, writeOperationsPerSecond: 100 },
        { device: '8:16', writeBytesPerSecond: 1 << 20, blkioWeight: 100 },
      ],
      hugePages: [{ pageSize: '2MB', limitBytes: 4 << 20 }],
    },
  },
  files: {
    '/dev/sda': '= block 8:0',
    '/sys/dev/block/8:0/size': '1',
    '/sys/dev/block/8:16/queue/scheduler': 'none [bfq]',
  },
};

const cases: Readonly<Record<string, GoldenCase>> = {
  'debian-all': debian,
  'debian-v2': { ...debian, hierarchies: V2 },
  'debian-host-network': {
    image: DEBIAN,
    rootfs: OVERLAY,
    hierarchies: HYBRID,
    request: { network: 'host', init: true },
  },
  'limits-v1': { ...limited, hierarchies: ALL_V1 },
  'limits-v2': { ...limited, hierarchies: ALL_V2 },
  'no-image': { request: { rootfs: { kind: 'none' }, command: ['id'] }, hierarchies: HYBRID },
  'nothing-at-all': { request: { rootfs: { kind: 'none' }, command: ['id'], isolation: [] }, hierarchies: HYBRID },
  'freezer-only': {
    request: { rootfs: { kind: 'none' }, command: ['id'], isolation: ['linux/nnp'] },
    hierarchies: HYBRID.filter(({ controllers }) => controllers.includes('freezer')),
  },
  'directory-read-only': {
    request: { rootfs: { kind: 'directory', path: '/srv/root' }, command: ['sh'], readOnlyRootfs: true },
    rootfs: { kind: 'directory', path: '/srv/root' },
    hierarchies: HYBRID,
    files: { '/srv/root/bin/sh': '' },
  },
  terminal: {
    request: { terminal: true, terminalSize: { rows: 40, columns: 120 }, stdin: true, owned: true, user: '0' },
    image: DEBIAN,
    rootfs: OVERLAY,
    hierarchies: HYBRID,
  },
};

describe.each(Object.entries(cases))('%s', (name, one) => {
  test('the plan is as it was', async () => {
    const text = planText(await planOf(one));
    expect(text).toBe(golden(`${name}.plan.json`, text));
  });

  test('its steps are as they were, and fit into a frame', async () => {
    const encoded = encodeLaunch(await planOf(one), CHANNEL);
    const text = stepLines(encoded);
    expect(text).toBe(golden(`${name}.steps.txt`, text));
    expect(encodeMessage('launch', encoded).payload.length).toBeLessThan(64 << 10);
  });
});

test('the steps of an exec session are as they were', async () => {
  const plan = await planOf(debian);
  const exec = completeExecConfig(plan.uid, { command: ['sh'], terminal: true, env: ['A=1'], user: '1000:1000' });
  const text = stepLines(encodeSession({ plan, exec, init: { pid: 4242, startTime: 99n }, channel: CHANNEL }));
  expect(text).toBe(golden('exec-session.steps.txt', text));
});

describe.each(Object.entries(cases))('the template of %s', (_name, one) => {
  const paths = enginePaths('/var/lib/isopod', '/run/isopod');
  const tickets = (fill: number, owned: boolean): Tickets => ({
    control: new Uint8Array(16).fill(fill),
    owner: new Uint8Array(owned ? 16 : 0).fill(fill + 1),
  });

  test('gives the launch of another container as its own plan would', async () => {
    const plan = await planOf(one);
    const other = parseContainerUid('fedcba987654');
    const text = JSON.stringify(plan).replaceAll(plan.uid, other);
    const own = new PlanTemplate(JSON.parse(text) as LaunchPlan, paths, tickets(3, plan.stdio.owned));
    const launch = new PlanTemplate(plan, paths, tickets(1, plan.stdio.owned)).launch(
      other,
      tickets(3, plan.stdio.owned),
    );
    const expected = own.launch(other, tickets(3, plan.stdio.owned));
    expect(launch.payload).toEqual(expected.payload);
    expect(launch.payload).toEqual(encodeMessage('launch', launch.encoded()).payload);
    expect(launch.planText).toBe(text);
    expect(launch).toMatchObject({
      isolators: plan.isolators,
      command: plan.command.arguments,
      groups: expected.groups,
    });
  });
});
