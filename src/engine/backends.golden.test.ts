import { describe, expect, test } from 'vitest';
import type { RootfsRecipe } from '../model/launch-plan.ts';
import { encodeLaunch } from '../plan/encode.ts';
import { CHANNEL, DEBIAN, type GoldenCase, golden, HYBRID, planOf, planText, stepLines } from './golden.fixture.ts';

const OWN = '/var/lib/isopod/containers/0123456789ab';
const LAYERS = ['/var/lib/isopod/layers/top', '/var/lib/isopod/layers/base'];

const COPY: RootfsRecipe = {
  ...{ kind: 'copy', because: 'no overlay: the kernel refuses an overlay: ENODEV' },
  ...{ lowerDirs: LAYERS, path: `${OWN}/tree` },
};
const BIND: RootfsRecipe = { kind: 'bind', because: 'the container asks for it', path: '/var/lib/isopod/layers/base' };
const EROFS: RootfsRecipe = {
  ...{ kind: 'erofs', because: 'the agent asks for it', upperDir: `${OWN}/upper`, workDir: `${OWN}/work` },
  layers: [
    { file: '/var/lib/isopod/erofs/top.erofs', directory: '/var/lib/isopod/layers/top', verity: 'sha256:0f' },
    { file: '/var/lib/isopod/erofs/base.erofs', directory: '/var/lib/isopod/layers/base' },
  ],
};

const ids = [{ container: 0, host: 1_000_000, count: 65_536 }];

function caseOf(rootfs: RootfsRecipe, request: GoldenCase['request'], files?: 'idmapped' | 'shifted'): GoldenCase {
  const user = { namespaces: { user: { kind: 'auto', count: 65_536 } } } as const;
  return {
    ...{ image: DEBIAN, rootfs, hierarchies: HYBRID, request: { ...request, ...(files && user) } },
    ...(files && { userNamespace: { uids: ids, gids: ids, files } }),
    // No project quotas, and the directories that are asked after.
    files: { '/proc/self/mountinfo': '1 0 8:1 / / rw - ext4 /dev/sda1 rw\n', [`${OWN}/sandbox/x`]: '' },
  };
}

const cases: Readonly<Record<string, GoldenCase>> = {
  'backend-copy': caseOf(COPY, { backend: 'copy', readOnlyRootfs: true }),
  'backend-copy-mapped': caseOf(COPY, {}, 'idmapped'),
  'backend-copy-shifted': caseOf(COPY, {}, 'shifted'),
  'backend-bind': caseOf(BIND, { backend: 'bind', readOnlyRootfs: true }),
  'backend-bind-mapped': caseOf(BIND, { backend: 'bind', readOnlyRootfs: true }, 'idmapped'),
  'backend-erofs': caseOf(EROFS, { backend: 'erofs' }),
  'backend-erofs-mapped': caseOf(EROFS, { backend: 'erofs' }, 'idmapped'),
  'backend-erofs-shifted': caseOf(EROFS, { backend: 'erofs' }, 'shifted'),
  'backend-erofs-on-disk': caseOf(EROFS, { diskLimitBytes: 1 << 30, diskEnforcement: 'image' }, 'idmapped'),
};

describe.each(Object.entries(cases))('%s', (name, one) => {
  test('the root file system of the plan is as it was', async () => {
    const { rootfs, readOnlyRootfs, userNamespace, diskQuota } = await planOf(one);
    const text = `${JSON.stringify({ rootfs, readOnlyRootfs, userNamespace, diskQuota }, undefined, 2)}\n`;
    expect(text).toBe(golden(`${name}.rootfs.json`, text));
  });

  test('its steps are as they were', async () => {
    const text = stepLines(encodeLaunch(await planOf(one), { ...CHANNEL, secrets: new Map() }));
    expect(text).toBe(golden(`${name}.steps.txt`, text));
  });
});

test('a layer is shown read-only, whatever the rest of the plan says', async () => {
  const plan = await planOf(caseOf(BIND, {}));
  expect(planText(plan)).not.toContain('readOnlyRootfs');
  const { childSteps } = encodeLaunch(plan, { ...CHANNEL, secrets: new Map() });
  const attributes = childSteps
    .filter(({ op }) => op === 'set-mount-attributes')
    .map(({ values }) => values.attributes);
  expect(attributes).toContain(1); // MOUNT_ATTR_RDONLY
});

test('a limit by a file system of its own is refused for a copy, which has no layer to put on it', async () => {
  const request = { diskLimitBytes: 1 << 30, diskEnforcement: 'image' } as const;
  await expect(planOf(caseOf(COPY, request))).rejects.toMatchObject({ code: 'disk/quota.noLayer' });
  const counted = await planOf(caseOf(COPY, { diskLimitBytes: 1 << 30 }));
  expect(counted.diskQuota).toMatchObject({
    way: 'accounting',
    because: expect.stringContaining('a copy of the image'),
  });
});
