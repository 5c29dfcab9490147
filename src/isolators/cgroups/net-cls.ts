import type { Files } from '../../base/effects.ts';
import { CGROUP1 } from '../../linux/cgroup1.ts';
import type { CgroupKnob } from '../../model/launch-plan.ts';
import type { NetClassRange } from '../../model/net-class.ts';
import type { IsolatedContainer, Isolator, PreparedFacts, UpdateInput, UsageValues } from '../isolator.ts';
import { controllerIsolator, type KnobInput } from './controller.ts';
import { cgroupsErrors } from './errors.ts';
import { groupReader, presentValues } from './group-reader.ts';
import { NetClasses } from './net-classes.ts';

/**
 * Isolator `cgroups/net_cls`: marks what a container sends with a class, for tc(8) and iptables(8); v1 has it, v2 has
 * not. The class is named by the caller, or one of the range that the agent was given.
 */
export function cgroupsNetCls({ files }: { readonly files: Files }, range: NetClassRange | undefined): Isolator {
  const classes = new NetClasses(range);
  const isolator = controllerIsolator({
    name: 'cgroups/net_cls',
    controller: 'net_cls',
    accountsIn: [],
    resolve: async (_, input) => holdClass(classes, input),
    knobs: classKnobs,
    usage: async (container) => presentValues({ netClassId: await classOf(files, container) }),
  });
  return {
    ...isolator,
    prepare: async (input, undo) => {
      undo.push('network class', async () => classes.release(input.uid));
      return holdClass(classes, input);
    },
    recover: async (container) => {
      const classId = await classOf(files, container);
      if (classId === undefined) return;
      if (container.config.resources.netClassId === 'auto') classes.recover(container.uid, classId);
      else classes.name(container.uid, classId);
    },
    cleanup: async ({ uid }) => classes.release(uid),
  };
}

function holdClass(classes: NetClasses, { uid, config: { resources }, host }: UpdateInput): PreparedFacts {
  const { netClassId } = resources;
  // Without the controller the plan refuses, and nothing must be held for that.
  if (netClassId === undefined || host.controllers.net_cls === undefined) return {};
  if (netClassId === 'auto') return { classId: `${classes.take(uid)}` };
  classes.name(uid, netClassId);
  return { classId: `${netClassId}` };
}

function classKnobs({ resources: { netClassId }, prepared }: KnobInput): readonly CgroupKnob[] {
  if (netClassId === undefined) return [];
  const classId = netClassId === 'auto' ? prepared.classId : `${netClassId}`;
  if (classId === undefined) throw cgroupsErrors.noNetClasses();
  return [{ file: CGROUP1.networkClass, value: classId }];
}

/** `netClassId`; 0 is none (admin-guide/cgroup-v1/net_cls.rst). */
async function classOf(files: Files, container: IsolatedContainer): Promise<UsageValues[string] | undefined> {
  const classId = await groupReader(files, container, 'net_cls')?.read.bound(CGROUP1.networkClass);
  return classId === 0 ? undefined : classId;
}
