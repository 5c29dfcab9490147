import type { Files } from '../../base/effects.ts';
import { CGROUP1 } from '../../linux/cgroup1.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { CgroupKnob } from '../../model/launch-plan.ts';
import { formatNumberList, parseNumberList } from '../../model/number-list.ts';
import type { IsolatedContainer, Isolator, UsageValues } from '../isolator.ts';
import { controllerIsolator, type KnobInput, whenAsked } from './controller.ts';
import { cgroupsErrors } from './errors.ts';
import { groupReader, presentValues } from './group-reader.ts';

/**
 * Isolator `cgroups/cpuset`: the CPUs and memory nodes that a container may use. Its v1 group begins with those of the
 * groups above (`cgroup.clone_children`), so that it can be joined whichever of the two was asked for.
 */
export function cgroupsCpuset({ files }: { readonly files: Files }): Isolator {
  return controllerIsolator({
    name: 'cgroups/cpuset',
    controller: 'cpuset',
    accountsIn: [],
    knobs: cpusetKnobs,
    usage: (container) => cpusetUsage(files, container),
  });
}

/** The knobs are named alike in both versions. */
function cpusetKnobs({ resources: { cpusetCpus, cpusetMems }, host }: KnobInput): readonly CgroupKnob[] {
  return [
    ...whenAsked(cpusetCpus, (asked) => {
      checkAvailable('CPUs', asked, host.cpuList);
      return { file: CGROUP2.cpusetCpus, value: asked };
    }),
    ...whenAsked(cpusetMems, (asked) => {
      checkAvailable('memory nodes', asked, host.memoryNodeList);
      return { file: CGROUP2.cpusetMems, value: asked };
    }),
  ];
}

/** v2 would take what is not there and silently give everything. @throws {EngineError} `cgroups.notThere` */
function checkAvailable(what: string, asked: string, available: string): void {
  const there = new Set(parseNumberList(what, available));
  const missing = parseNumberList(what, asked).filter((number) => !there.has(number));
  if (missing.length === 0) return;
  throw cgroupsErrors.notThere({ what, asked, missing: formatNumberList(missing), available });
}

/** `cpusetCpuCount`, `cpusetMemoryNodeCount`: how many it may use now, after the groups above and unplugged ones. */
async function cpusetUsage(files: Files, container: IsolatedContainer): Promise<UsageValues> {
  const group = groupReader(files, container, 'cpuset');
  if (group === undefined) return {};
  const { cpusetEffectiveCpus: cpus, cpusetEffectiveMems: mems } = group.version === 2 ? CGROUP2 : CGROUP1;
  const [cpuList, nodeList] = await Promise.all([group.read.text(cpus), group.read.text(mems)]);
  return presentValues({ cpusetCpuCount: countOf(cpuList), cpusetMemoryNodeCount: countOf(nodeList) });
}

function countOf(list: string): number | undefined {
  return list.trim() === '' ? undefined : parseNumberList('a list of the kernel', list).length;
}
