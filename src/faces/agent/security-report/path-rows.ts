import type { LaunchPlan, Mount } from '../../../model/launch-plan.ts';
import type { Findings } from './findings.ts';
import { type ReportRow, row } from './row.ts';

/** File systems whose files are the kernel's: nobody makes one there. */
const KERNEL_TYPES = new Set(['proc', 'sysfs', 'devpts', 'mqueue', 'cgroup', 'cgroup2']);
const DEVICE_FORMAT = 0o060000 | 0o020000;
const FORMAT_MASK = 0o170000;

interface PlannedPath {
  readonly path: string;
  readonly by: string;
  readonly access: 'writable' | 'read-only' | "the kernel's";
}

/** Device nodes of the container's own /dev. */
function plannedDevices({ mounts }: LaunchPlan): readonly { readonly path: string; readonly by: string }[] {
  return mounts.flatMap(({ mount, by }) =>
    (mount.kind === 'new' ? (mount.content ?? []) : [])
      .filter((item) => item.kind === 'node' && (item.mode & FORMAT_MASK & DEVICE_FORMAT) !== 0)
      .map((item) => ({ path: `${mount.target}/${item.path}`, by })),
  );
}

function plannedPaths(plan: LaunchPlan, ignored: string): readonly PlannedPath[] {
  const { rootfs, readOnlyRootfs, mounts } = plan;
  const root: readonly PlannedPath[] =
    rootfs === undefined
      ? []
      : [{ path: '/', by: rootfs.by, access: readOnlyRootfs === undefined ? 'writable' : 'read-only' }];
  const mounted = mounts.filter(({ mount }) => mount.target !== ignored);
  return [...root, ...mounted.map(({ mount, by }) => ({ path: mount.target, by, access: accessOf(mount) }))];
}

function accessOf(mount: Mount): PlannedPath['access'] {
  if (mount.attributes.includes('ro')) return 'read-only';
  return mount.kind === 'new' && KERNEL_TYPES.has(mount.type) ? "the kernel's" : 'writable';
}

/** What the probe is to try, as its words; `ignored` is where the probe itself is mounted. */
export function pathWords(plan: LaunchPlan, ignored: string): readonly string[] {
  return [
    ...plannedDevices(plan).map(({ path }) => `device:${path}`),
    ...plannedPaths(plan, ignored).map(({ path }) => `write:${path}`),
    ...plan.maskedPaths.map(({ path }) => `masked:${path}`),
    ...plan.readOnlyPaths.map(({ path }) => `readonly:${path}`),
  ];
}

/** Paths that can be written, that are hidden, that are read-only, and devices. */
export function pathRows(plan: LaunchPlan, ignored: string, findings: Findings): readonly ReportRow[] {
  return [
    ...plannedPaths(plan, ignored).map((path) => writableRow(path, findings.get('write', path.path))),
    ...plan.maskedPaths.map(({ path, by }) => {
      const probed = findings.get('masked', path);
      return row({ topic: 'masked paths', subject: path, by }, 'hidden', hiddenText(probed), probed !== 'readable');
    }),
    ...plan.readOnlyPaths.map(({ path, by }) => {
      const probed = findings.get('readonly', path);
      return row({ topic: 'read-only paths', subject: path, by }, 'read-only', writtenText(probed), probed !== 'ok');
    }),
    ...deviceRows(plan, findings),
  ];
}

function writableRow({ path, by, access }: PlannedPath, probed: string | undefined): ReportRow {
  // A user other than root meets the permissions of the path before its mount.
  const isRefused = probed === 'EACCES' || probed === 'EPERM';
  const agrees = access === "the kernel's" || (access === 'writable' ? probed === 'ok' || isRefused : probed !== 'ok');
  return row({ topic: 'writable paths', subject: path, by }, access, writtenText(probed), agrees);
}

function deviceRows(plan: LaunchPlan, findings: Findings): readonly ReportRow[] {
  const devices = plannedDevices(plan).map(({ path, by }) => {
    const probed = findings.get('device', path);
    // /dev/tty is the controlling terminal, and ENXIO says that there is none.
    return row(
      { topic: 'devices', subject: path, by },
      'opens',
      openedText(probed),
      probed === 'ok' || probed === 'ENXIO',
    );
  });
  const made = findings.subjects('mknod').map((place) => findings.get('mknod', place) ?? '');
  const worst = made.find((result) => result === 'opened') ?? made.find((result) => result === 'made') ?? made[0];
  const mayMake = plan.capabilities.effective.includes('MKNOD');
  const mayOpen = plan.deviceRules?.value.some(({ kind, major }) => kind === 'all' && major === undefined) ?? true;
  const planned = mayMake ? (mayOpen ? 'made and opened' : 'made, and of no use') : 'refused';
  const agrees = (worst !== 'opened' || (mayMake && mayOpen)) && (worst !== 'made' || mayMake);
  const what = { topic: 'devices', subject: "node of the host's memory", by: plan.capabilities.by };
  return [...devices, row(what, planned, worst, agrees)];
}

function hiddenText(probed: string | undefined): string | undefined {
  return probed === 'ENOENT' ? 'not there' : probed === 'empty' ? 'hidden' : probed;
}

function writtenText(probed: string | undefined): string | undefined {
  if (probed === undefined) return undefined;
  if (probed === 'ok') return 'written';
  return probed === 'ENOENT' ? 'nothing to write' : `refused (${probed})`;
}

function openedText(probed: string | undefined): string | undefined {
  return probed === 'ok' ? 'opens' : probed === 'ENXIO' ? 'no terminal' : probed && `refused (${probed})`;
}
