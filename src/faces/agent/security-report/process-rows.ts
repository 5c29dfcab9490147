import { capabilityNames, effectiveAfterExec } from '../../../linux/capabilities.ts';
import type { LaunchPlan } from '../../../model/launch-plan.ts';
import type { Findings } from './findings.ts';
import { type ReportRow, row } from './row.ts';

/** Names of /proc/PID/ns with the kinds of a plan. */
const NAMESPACES: readonly (readonly [string, string])[] = [
  ['mnt', 'mount'],
  ...['pid', 'ipc', 'uts', 'net', 'cgroup', 'user', 'time'].map((name) => [name, name] as const),
];
/** Interfaces that the kernel puts into every network namespace when their modules are loaded; all of them are down. */
const FALLBACK_INTERFACES = /^(lo|tunl0|gre0|gretap0|erspan0|ip_vti0|ip6_vti0|sit0|ip6tnl0|ip6gre0)$/;
const NO_LABELS = ['', 'unconfined', 'EINVAL', 'ENOENT', 'EACCES', 'kernel'];

/** Who the process is, what it may, and what it shares with the host. */
export function processRows(
  plan: LaunchPlan,
  findings: Findings,
  hostNamespaces: ReadonlyMap<string, string>,
): readonly ReportRow[] {
  return [
    ...credentialRows(plan, findings),
    ...flagRows(plan, findings),
    ...NAMESPACES.map(([name, kind]) => namespaceRow({ plan, findings, name, kind, host: hostNamespaces.get(name) })),
    mapRow(plan, findings),
    labelRow(plan, findings),
    networkRow(plan, findings),
  ];
}

function credentialRows(plan: LaunchPlan, findings: Findings): readonly ReportRow[] {
  const status = (field: string): string | undefined => findings.get('status', field);
  const uid = status('Uid')?.split(' ')[0];
  const ids = uid === undefined ? undefined : `${uid}:${status('Gid')?.split(' ')[0] ?? ''}`;
  const { user, group } = plan.credentials.user;
  const planned = group === undefined ? user : `${user}:${group}`;
  // A name is looked up inside the container, where the plan does not look.
  const isSame = !/^\d+(:\d+)?$/.test(planned) || planned === (planned.includes(':') ? ids : uid);
  const { capabilities } = plan;
  const effective = effectiveAfterExec(plan, uid === '0');
  const set = (subject: string, wanted: readonly string[], mask: string | undefined): ReportRow => {
    const names = mask === undefined ? undefined : listed(capabilityNames(BigInt(`0x${mask}`)));
    const what = { topic: 'capabilities', subject, by: capabilities.by };
    return row(what, listed(wanted), names, listed(wanted) === names);
  };
  return [
    row({ topic: 'user', subject: 'user and group', by: plan.credentials.by }, planned, ids, isSame),
    set('in effect', effective, status('CapEff')),
    set('most that exec can give', capabilities.bounding, status('CapBnd')),
    set('inheritable', capabilities.inheritable, status('CapInh')),
    set('ambient', capabilities.ambient, status('CapAmb')),
  ];
}

function flagRows(plan: LaunchPlan, findings: Findings): readonly ReportRow[] {
  const { noNewPrivileges, seccomp } = plan;
  const flag = findings.get('status', 'NoNewPrivs');
  const mode = findings.get('status', 'Seccomp');
  const [wantedFlag, wantedMode] = [noNewPrivileges === undefined ? '0' : '1', seccomp === undefined ? '0' : '2'];
  const gains = (value: string | undefined) =>
    value && (value === '1' ? 'no exec gains rights' : 'exec may gain rights');
  const filtered = (value: string | undefined) => value && (value === '2' ? 'filtered' : 'not filtered');
  return [
    row(
      { topic: 'privileges', subject: 'no_new_privs', by: noNewPrivileges?.by },
      gains(wantedFlag) ?? '',
      gains(flag),
      flag === wantedFlag,
    ),
    row(
      { topic: 'system calls', subject: 'filter', by: seccomp?.by },
      seccomp === undefined ? 'not filtered' : `filtered, profile ${seccomp.profile}`,
      filtered(mode),
      mode === wantedMode,
    ),
  ];
}

function namespaceRow(one: {
  readonly plan: LaunchPlan;
  readonly findings: Findings;
  readonly name: string;
  readonly kind: string;
  readonly host: string | undefined;
}): ReportRow {
  const entry = one.plan.namespaces.find(({ kind }) => kind === one.kind);
  const theirs = one.findings.get('namespace', one.name);
  const found = theirs === undefined || one.host === undefined ? undefined : shared(theirs === one.host);
  const planned = shared(entry === undefined);
  return row({ topic: 'namespaces', subject: one.kind, by: entry?.by }, planned, found, planned === found);
}

function shared(isShared: boolean): string {
  return isShared ? "the host's" : 'its own';
}

function mapRow({ namespaces }: LaunchPlan, findings: Findings): ReportRow {
  const entry = namespaces.find(({ kind }) => (kind as string) === 'user');
  const map = findings.get('file', '/proc/self/uid_map')?.replace(/\s+/g, ' ').trim();
  const isIdentity = map === '0 0 4294967295';
  const planned = entry === undefined ? 'none: root here is root of the host' : 'users of its own';
  const probed = map && (isIdentity ? 'none: root here is root of the host' : `mapped: ${map}`);
  return row({ topic: 'user', subject: 'map', by: entry?.by }, planned, probed, isIdentity === (entry === undefined));
}

function labelRow({ settings }: LaunchPlan, findings: Findings): ReportRow {
  const wanted = settings?.execLabel;
  const label = findings.get('file', '/proc/self/attr/current')?.replace(/\0.*$/s, '');
  const hasNone = label !== undefined && NO_LABELS.includes(label);
  // AppArmor is told what the label is for, and tells its mode after it.
  const name = wanted?.value.label.replace(/^exec /, '');
  const agrees = name === undefined ? hasNone : label?.startsWith(name) === true;
  const probed = label && (hasNone ? 'none' : label);
  return row(
    { topic: 'privileges', subject: 'label of a security module', by: wanted?.by },
    name ?? 'none',
    label === '' ? 'none' : probed,
    agrees,
  );
}

function networkRow({ namespaces }: LaunchPlan, findings: Findings): ReportRow {
  const entry = namespaces.find(({ kind }) => kind === 'net');
  const names = findings.subjects('interface');
  const isClosed = names.every((name) => FALLBACK_INTERFACES.test(name));
  const what = { topic: 'network', subject: 'interfaces', by: entry?.by };
  const probed = findings.get('interfaces', 'unproved') === undefined ? names.join(' ') || 'none' : undefined;
  return row(
    what,
    entry === undefined ? 'those of the host' : 'loopback only',
    probed,
    entry === undefined || isClosed,
  );
}

function listed(names: readonly string[]): string {
  const bare = names.map((name) => name.replace(/^CAP_/, ''));
  return bare.toSorted().join(' ') || 'none';
}
