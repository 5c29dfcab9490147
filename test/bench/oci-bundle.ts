import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LaunchPlan, Mount } from '../../src/model/launch-plan.ts';
import { makeBusyboxRootfs } from './busybox-image.ts';

/**
 * A bundle (OCI runtime-spec v1.1) that asks crun or runc for what the plan asks of us: the same namespaces, fresh mounts,
 * hidden and read-only paths, capabilities, limits and no_new_privs. It has no overlay and keeps no log: less work than ours.
 *
 * @returns the bundle's directory
 */
export function makeBundle(directory: string, plan: LaunchPlan, command: readonly string[]): string {
  mkdirSync(directory, { recursive: true });
  makeBusyboxRootfs(join(directory, 'rootfs'));
  writeFileSync(join(directory, 'config.json'), JSON.stringify(specOf(plan, command), undefined, 2));
  return directory;
}

function specOf(plan: LaunchPlan, command: readonly string[]) {
  const { capabilities } = plan;
  return {
    ociVersion: '1.0.0',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: command,
      env: ['PATH=/bin'],
      cwd: '/',
      capabilities: {
        bounding: prefixed(capabilities.bounding),
        effective: prefixed(capabilities.effective),
        permitted: prefixed(capabilities.permitted),
        inheritable: [],
        ambient: [],
      },
      noNewPrivileges: plan.noNewPrivileges !== undefined,
    },
    root: { path: 'rootfs', readonly: false },
    hostname: plan.hostname?.name ?? 'bench',
    mounts: [...plan.mounts.flatMap(({ mount }) => mountOf(mount)), ...cgroupView(plan)],
    linux: {
      namespaces: plan.namespaces.map(({ kind }) => ({ type: kind === 'net' ? 'network' : kind })),
      maskedPaths: plan.maskedPaths.map(({ path }) => path),
      readonlyPaths: plan.readOnlyPaths.map(({ path }) => path),
      resources: { memory: { limit: 64 << 20 }, pids: { limit: 64 }, cpu: { quota: 50_000, period: 100_000 } },
    },
  };
}

function prefixed(names: readonly string[]): readonly string[] {
  return names.map((name) => `CAP_${name}`);
}

function cgroupView(plan: LaunchPlan) {
  if (plan.cgroupView === undefined) return [];
  const options = ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'];
  return [{ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options }];
}

function mountOf(mount: Mount) {
  if (mount.kind !== 'new') return [];
  const { target, type, source, options, attributes } = mount;
  return [{ destination: target, type, source, options: [...attributes, ...options] }];
}
