import { defineErrors } from './error.ts';

/** `cgroupfs`: groups of our own at the top of each hierarchy; `systemd`: a scope of systemd's for each container. */
export const CGROUP_DRIVERS = ['cgroupfs', 'systemd'] as const;
export type CgroupDriverKind = (typeof CGROUP_DRIVERS)[number];

/** Who makes the groups that containers' groups are in. */
export type CgroupDriver =
  | { readonly kind: 'cgroupfs' }
  /** `slice` is the unit that scopes are in. */
  | { readonly kind: 'systemd'; readonly slice: string };

export const DEFAULT_SLICE = 'isopod.slice';

const driverErrors = defineErrors('cgroup-driver', {
  noSlice: {
    kind: 'invalid-argument',
    message: (d: { slice: string }) => `${JSON.stringify(d.slice)} is no name of a slice of systemd`,
    remedy: () => 'name it as isopod.slice or machine-isopod.slice: words joined by dashes, then .slice',
  },
  sliceUnused: {
    kind: 'invalid-argument',
    message: (d: { slice: string; driver: string }) =>
      `the slice ${d.slice} means nothing to the cgroup driver ${d.driver}`,
    remedy: () => 'choose the cgroup driver systemd, or leave the slice out',
  },
});

const MAX_UNIT_BYTES = 255;

/**
 * What the caller chose, with the default slice.
 *
 * @throws {EngineError} `cgroup-driver.*` (invalid-argument)
 */
export function parseCgroupDriver(kind: CgroupDriverKind = 'cgroupfs', slice?: string): CgroupDriver {
  if (kind === 'systemd') return { kind, slice: parseSlice(slice ?? DEFAULT_SLICE) };
  if (slice !== undefined) throw driverErrors.sliceUnused({ slice, driver: kind });
  return { kind };
}

/** systemd.slice(5): each dash stands for a slice above, so none is at an end or beside another. */
function parseSlice(slice: string): string {
  const isName = /^[A-Za-z0-9:_.\\]+(-[A-Za-z0-9:_.\\]+)*\.slice$/.test(slice) && slice.length <= MAX_UNIT_BYTES;
  if (!isName) throw driverErrors.noSlice({ slice });
  return slice;
}
