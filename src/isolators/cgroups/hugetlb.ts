import type { Files } from '../../base/effects.ts';
import { hugetlbFiles } from '../../linux/hugetlb-files.ts';
import type { CgroupKnob } from '../../model/launch-plan.ts';
import type { IsolatedContainer, Isolator, UsageValues } from '../isolator.ts';
import { controllerIsolator, type KnobInput } from './controller.ts';
import { cgroupsErrors } from './errors.ts';
import { groupReader, presentValues } from './group-reader.ts';

/** Isolator `cgroups/hugetlb`: bounds of huge pages, by page size. */
export function cgroupsHugetlb({ files }: { readonly files: Files }): Isolator {
  return controllerIsolator({
    name: 'cgroups/hugetlb',
    controller: 'hugetlb',
    accountsIn: [],
    knobs: hugetlbKnobs,
    usage: (container) => hugetlbUsage(files, container),
  });
}

/**
 * The bound of reservations makes mmap(2) fail, the other one ends with SIGBUS who touches a page too many; both are
 * set, so that a program hears of it early.
 */
function hugetlbKnobs({ resources: { hugePages = [] }, host, version }: KnobInput): readonly CgroupKnob[] {
  return hugePages.flatMap(({ pageSize, limitBytes }) => {
    if (!host.hugePageSizes.includes(pageSize)) {
      const available = host.hugePageSizes.join(', ') || 'none at all';
      throw cgroupsErrors.notThere({ what: 'huge pages of', asked: pageSize, missing: pageSize, available });
    }
    const { limit, reservationLimit } = hugetlbFiles(version, pageSize);
    return [limit, reservationLimit].map((file) => ({ file, value: `${limitBytes}` }));
  });
}

/** `hugePages<size>Bytes` for each page size, for example `hugePages2MBBytes`. */
async function hugetlbUsage(files: Files, container: IsolatedContainer): Promise<UsageValues> {
  const group = groupReader(files, container, 'hugetlb');
  if (group === undefined) return {};
  const sizes = (container.config.resources.hugePages ?? []).map(({ pageSize }) => pageSize);
  const values = await Promise.all(
    sizes.map(async (size) => {
      const { usage } = hugetlbFiles(group.version, size);
      return [`hugePages${size}Bytes`, await group.read.bound(usage)] as const;
    }),
  );
  return presentValues(Object.fromEntries(values));
}
