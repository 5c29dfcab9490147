import { describe, expect, test } from 'vitest';
import { parseContainerUid } from '../model/container-id.ts';
import { completeConfig, completeExecConfig } from '../model/container-request.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import { encodeMessage } from '../model/wire-codec.ts';
import { encodeLaunch } from '../plan/encode.ts';
import { encodeSession } from '../plan/encode-session.ts';
import {
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

const PARENT = parseContainerUid('ba9876543210');
const ids = [{ container: 0, host: 1_000_000, count: 65_536 }];
const inUser = { uids: ids, gids: ids, files: 'idmapped' } as const;
const child = { image: { ...DEBIAN, user: '' }, rootfs: OVERLAY } as const;
const limits = { memoryLimitBytes: 32 << 20, pidsLimit: 50 } as const;

/** The parent of a golden container: of the same image, with namespaces of its own. */
async function parentOf(outer: GoldenCase): Promise<NonNullable<GoldenCase['parent']>> {
  const plan = await planOf(outer);
  const renamed = JSON.parse(JSON.stringify(plan).replaceAll(plan.uid, PARENT)) as LaunchPlan;
  const config = completeConfig({ name: 'web', rootfs: { kind: 'image', reference: 'debian:12' }, ...outer.request });
  return {
    plan: renamed,
    container: {
      init: { container: PARENT, pid: 77, startTime: '123' },
      config,
      namespaces: plan.namespaces.map(({ kind }) => kind),
      runtimeDir: `/var/lib/isopod/containers/${PARENT}/files`,
      sandboxDir: `/var/lib/isopod/containers/${PARENT}/sandbox`,
    },
  };
}

const outer: GoldenCase = { image: DEBIAN, rootfs: OVERLAY, hierarchies: HYBRID, request: {} };
const outerInUser: GoldenCase = {
  ...{ ...outer, hierarchies: V2, userNamespace: inUser },
  request: { namespaces: { user: { kind: 'auto', count: 65_536 }, time: { monotonicNs: 5e9, boottimeNs: 0 } } },
};

const cases: Readonly<Record<string, () => Promise<GoldenCase>>> = {
  nested: async () => ({
    ...{ ...child, hierarchies: HYBRID, parent: await parentOf(outer) },
    request: {
      parent: 'web',
      resources: limits,
      volumes: [{ kind: 'sandbox', of: 'parent', path: 'shared/in', containerPath: '/shared', readOnly: false }],
    },
  }),
  'nested-shares-all': async () => ({
    ...{ ...child, hierarchies: HYBRID, parent: await parentOf(outer) },
    request: {
      parent: 'web',
      shareCgroups: true,
      namespaces: { pid: { kind: 'parent' }, ipc: { kind: 'parent' } },
    },
  }),
  'nested-user-namespace': async () => ({
    ...{ ...child, hierarchies: V2, parent: await parentOf(outerInUser), userNamespace: inUser },
    request: { parent: 'web', resources: limits, namespaces: { ipc: { kind: 'parent' } } },
  }),
};

describe.each(Object.entries(cases))('%s', (name, make) => {
  test('the plan is as it was', async () => {
    const text = planText(await planOf(await make()));
    expect(text).toBe(golden(`${name}.plan.json`, text));
  });

  test('its steps are as they were, and so are those of a session in it', async () => {
    const plan = await planOf(await make());
    const encoded = encodeLaunch(plan, CHANNEL);
    expect(encodeMessage('launch', encoded).payload.length).toBeLessThan(64 << 10);
    const exec = completeExecConfig(plan.uid, { command: ['sh'] });
    const session = encodeSession({ plan, exec, init: { pid: 4242, startTime: 99n }, channel: CHANNEL });
    const text = `${stepLines(encoded)}\n${stepLines(session)}`;
    expect(text).toBe(golden(`${name}.steps.txt`, text));
  });
});
