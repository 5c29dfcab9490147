import { isDeepStrictEqual } from 'node:util';
import type { DeviceNode, DeviceRule } from '../model/devices.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import type { Step } from '../model/wire.ts';
import { changedRuleSteps, nodeStep } from './encode-devices.ts';
import { asContainerRoot, rootOf } from './encode-user.ts';

/** What a plan says of devices. */
export type PlannedDevices = Pick<LaunchPlan, 'deviceRules' | 'deviceNodes'>;

/** Something about the devices of a live container that is to be otherwise. */
export type DeviceChange =
  | {
      readonly kind: 'rules';
      readonly by: string;
      readonly from: readonly DeviceRule[];
      readonly to: readonly DeviceRule[];
    }
  | { readonly kind: 'node'; readonly by: string; readonly node: DeviceNode; readonly isWanted: boolean };

/** First what may be opened, then what is seen; a node that becomes another goes before that comes. */
export function deviceChanges(before: PlannedDevices, after: PlannedDevices): readonly DeviceChange[] {
  const rules = after.deviceRules ?? before.deviceRules;
  const by = (after.deviceNodes ?? before.deviceNodes)?.by ?? '';
  const [old, wanted] = [before.deviceNodes?.value ?? [], after.deviceNodes?.value ?? []];
  const onlyIn = (nodes: readonly DeviceNode[], others: readonly DeviceNode[], isWanted: boolean) =>
    nodes
      .filter((node) => !others.some((other) => isDeepStrictEqual(other, node)))
      .map((node) => ({ kind: 'node', by, node, isWanted }) as const);
  const [from, to] = [before.deviceRules?.value ?? [], after.deviceRules?.value ?? []];
  return [
    ...(rules === undefined || isDeepStrictEqual(from, to) ? [] : [{ kind: 'rules', by: rules.by, from, to } as const]),
    ...onlyIn(old, wanted, false),
    ...onlyIn(wanted, old, true),
  ];
}

/** The host steps that make it so; they may be run again. */
export function deviceChangeSteps(
  plan: LaunchPlan,
  init: { readonly pid: number; readonly startTime: bigint },
  change: DeviceChange,
): readonly Step[] {
  if (change.kind === 'rules') return changedRuleSteps(plan, change);
  const { by, node, isWanted } = change;
  const { userNamespace } = plan;
  if (userNamespace === undefined) return [nodeStep(by, init, node, isWanted)];
  // As in a launch: what root of the host has is the container's root's.
  const isRoots = node.uid === 0 && node.gid === 0;
  const owned = isRoots ? { ...node, ...rootOf(userNamespace) } : node;
  return asContainerRoot(userNamespace, [nodeStep(by, init, owned, isWanted)]);
}
