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
  const list = listGroup(plan);
  return list === undefined ? [programStep(plan, by, rules)] : newListSteps(list, by, rules);
}

/**
 * The rules of a live container become others. A program takes the place of the one before at once; in a list what comes
 * is added before what goes is taken away, so what both allow is refused at no moment.
 */
export function changedRuleSteps(
  plan: Pick<LaunchPlan, 'cgroups' | 'tracking'>,
  { by, from, to }: { readonly by: string; readonly from: readonly DeviceRule[]; readonly to: readonly DeviceRule[] },
): readonly Step[] {
  const list = listGroup(plan);
  if (list === undefined) return [programStep(plan, by, to)];
  const lines = (file: string, rules: readonly DeviceRule[]): readonly Step[] =>
    rules.length === 0
      ? []
      : [step(by, 'write-kernel-lines', { path: `${list}/${file}`, lines: rules.map(formatDeviceRule) })];
  return [...lines('devices.allow', rulesWithout(to, from)), ...lines('devices.deny', rulesWithout(from, to))];
}

/** The host step that makes a node in the /dev of a live container, or takes it away. */
export function nodeStep(
  by: string,
  init: { readonly pid: number; readonly startTime: bigint },
  { path, kind, mode, major, minor, uid, gid }: DeviceNode,
  isWanted: boolean,
): Step {
  const node = { ...init, path, mode: TYPES[kind] | mode, major, minor };
  return isWanted ? step(by, 'place-node', { ...node, uid, gid }) : step(by, 'take-node', node);
}

function listGroup({ cgroups }: Pick<LaunchPlan, 'cgroups'>): string | undefined {
  return cgroups.find(({ version, controllers }) => version === 1 && controllers.includes('devices'))?.path;
}

function programStep({ tracking }: Pick<LaunchPlan, 'tracking'>, by: string, rules: readonly DeviceRule[]): Step {
  return step(by, 'set-device-program', { path: dirname(tracking.path), program: deviceProgram(rules) });
}

function newListSteps(list: string, by: string, rules: readonly DeviceRule[]): readonly Step[] {
  return [
    step(by, 'write-kernel-file', { path: `${list}/devices.deny`, value: 'a' }),
    step(by, 'write-kernel-lines', { path: `${list}/devices.allow`, lines: entriesOf(rules).map(formatDeviceRule) }),
  ];
}

/**
 * What the one list allows and the other does not. The kernel keeps one entry for a kind and two numbers, and adds to
 * its access or takes from it (security/device_cgroup.c); other entries that match, too, are left alone.
 */
function rulesWithout(rules: readonly DeviceRule[], others: readonly DeviceRule[]): readonly DeviceRule[] {
  const taken = accessByEntry(others);
  return [...accessByEntry(rules).values()].flatMap((rule) => {
    const access = [...rule.access].filter((letter) => !taken.get(entryOf(rule))?.access.includes(letter)).join('');
    return access === '' ? [] : [{ ...rule, access }];
  });
}

/** `a` asks for a group above that allows everything by default, and one of systemd's has a list. */
function entriesOf(rules: readonly DeviceRule[]): readonly DeviceRule[] {
  return rules.flatMap((rule) =>
    rule.kind === 'all' ? (['character', 'block'] as const).map((kind) => ({ ...rule, kind })) : [rule],
  );
}

function accessByEntry(rules: readonly DeviceRule[]): ReadonlyMap<string, DeviceRule> {
  const entries = new Map<string, DeviceRule>();
  for (const rule of entriesOf(rules)) {
    const access = new Set([...(entries.get(entryOf(rule))?.access ?? ''), ...rule.access]);
    entries.set(entryOf(rule), { ...rule, access: [...access].join('') });
  }
  return entries;
}

function entryOf({ kind, major, minor }: DeviceRule): string {
  return `${kind} ${major ?? '*'}:${minor ?? '*'}`;
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
