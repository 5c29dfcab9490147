import { dirname } from 'node:path';
import { deviceProgram } from '../linux/device-program.ts';
import { type DeviceNode, type DeviceRule, formatDeviceRule } from '../model/devices.ts';
import type { LaunchPlan, Mount, MountContent, NewMount } from '../model/launch-plan.ts';
import { type Step, step } from '../model/wire.ts';

const TYPES = { character: 0o020000, block: 0o060000 } as const;
const DEV = '/dev';

/**
 * The monitor's part: what the container may do with devices, in force before anything is in its group. v1 has a list,
 * which a new group inherits from the one above: it is emptied and filled (admin-guide/cgroup-v1/devices.rst). v2 has a
 * program, attached to the group with the limits and so in force in all below.
 */
export function deviceHostSteps(plan: LaunchPlan): readonly Step[] {
  if (plan.deviceRules === undefined) return [];
  const { value: rules, by } = plan.deviceRules;
  const group = plan.cgroups.find(({ version, controllers }) => version === 1 && controllers.includes('devices'));
  if (group === undefined) {
    return [step(by, 'set-device-program', { path: dirname(plan.tracking.path), program: deviceProgram(rules) })];
  }
  return [
    step(by, 'write-kernel-file', { path: `${group.path}/devices.deny`, value: 'a' }),
    step(by, 'write-kernel-lines', { path: `${group.path}/devices.allow`, lines: rules.flatMap(ruleLines) }),
  ];
}

/** `a` asks for a group above that allows everything by default, and one of systemd's has a list. */
function ruleLines(rule: DeviceRule): readonly string[] {
  const rules = rule.kind === 'all' ? (['character', 'block'] as const).map((kind) => ({ ...rule, kind })) : [rule];
  return rules.map(formatDeviceRule);
}

/** A mount with the plan's device nodes in it, if it is the container's own /dev. */
export function withDeviceNodes(plan: LaunchPlan, mount: Mount): Mount {
  if (plan.deviceNodes === undefined || mount.kind !== 'new' || mount.target !== DEV) return mount;
  return { ...mount, content: contentWith(mount, plan.deviceNodes.value) };
}

/** What the caller named replaces what is there by default. */
function contentWith({ content = [] }: NewMount, nodes: readonly DeviceNode[]): readonly MountContent[] {
  const named = new Set(nodes.map(({ path }) => path));
  const kept = content.filter(({ path }) => !named.has(path));
  const present = new Set(kept.flatMap(({ kind, path }) => (kind === 'directory' ? [path] : [])));
  const parents = new Set(nodes.flatMap(({ path }) => parentsOf(path)));
  const directories = [...parents].filter((path) => !present.has(path));
  return [
    ...kept,
    ...directories.map((path) => ({ kind: 'directory', path, mode: 0o755 }) as const),
    ...nodes.map(({ path, kind, major, minor, mode, uid, gid }) => {
      const owner = uid === 0 && gid === 0 ? {} : { owner: { uid, gid } };
      return { kind: 'node', path, mode: TYPES[kind] | mode, major, minor, ...owner } as const;
    }),
  ];
}

/** `snd/by-id/x` → `snd`, `snd/by-id`. */
function parentsOf(path: string): readonly string[] {
  const words = path.split('/').slice(0, -1);
  return words.map((_, index) => words.slice(0, index + 1).join('/'));
}
