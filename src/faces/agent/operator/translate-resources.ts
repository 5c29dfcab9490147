import type { ContainerRequest } from '../../../model/check-request.ts';
import type { LaunchCall } from './call-schemas.ts';

const MEBIBYTE = 1 << 20;
/** What Mesos gives a CPU on v1 (cgroups/cpu isolator); the kernel takes none below 2. */
const SHARES_PER_CPU = 1024;
const LEAST_SHARES = 2;
const MILLIS = 1000;

type Bounds = Pick<LaunchCall, 'resources' | 'limits'>;
type Limit = NonNullable<NonNullable<LaunchCall['limits']>['cpus']>;

/**
 * Requests and limits: `cpus` is a share and `mem` is kept when memory is short; limits bound, an infinite one does not, and a
 * request for memory without a limit is one (mesos.proto, TaskInfo.limits). `disk` bounds at once. Pure.
 */
export function resourcesOf({
  resources = [],
  limits = {},
}: Bounds): Pick<ContainerRequest, 'resources' | 'diskLimitBytes'> {
  const asked = (name: string): number | undefined => {
    const found = resources.filter((resource) => resource.name === name);
    return found.length === 0 ? undefined : found.reduce((sum, { scalar }) => sum + scalar.value, 0);
  };
  const [cpus, memory, disk] = ['cpus', 'mem', 'disk'].map(asked);
  return {
    resources: { ...cpuOf(cpus, limits.cpus), ...memoryOf(memory, limits.mem) },
    diskLimitBytes: disk === undefined ? undefined : bytes(disk),
  };
}

function cpuOf(asked: number | undefined, limit: Limit | undefined) {
  const bound = finite(limit);
  return {
    cpuShares: asked === undefined ? undefined : Math.max(LEAST_SHARES, Math.round(asked * SHARES_PER_CPU)),
    cpuMillis: bound === undefined ? undefined : Math.round(bound * MILLIS),
  };
}

function memoryOf(asked: number | undefined, limit: Limit | undefined) {
  const bound = limit === undefined ? asked : finite(limit);
  return {
    memoryLimitBytes: bound === undefined ? undefined : bytes(bound),
    memoryReservationBytes: asked === undefined || asked === bound ? undefined : bytes(asked),
  };
}

function finite(limit: Limit | undefined): number | undefined {
  return limit === undefined || limit.value === 'Infinity' ? undefined : limit.value;
}

function bytes(mebibytes: number): number {
  return Math.round(mebibytes * MEBIBYTE);
}
