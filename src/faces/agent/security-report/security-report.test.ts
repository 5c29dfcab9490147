import { beforeEach, expect, test } from 'vitest';
import { callNumber } from '../../../linux/seccomp/architecture.ts';
import { buildFilter } from '../../../linux/seccomp/filter.ts';
import { parseProfile } from '../../../linux/seccomp/parse-profile.ts';
import { parseContainerUid } from '../../../model/container-id.ts';
import type { LaunchPlan } from '../../../model/launch-plan.ts';
import { Findings } from './findings.ts';
import { compareReport, probeWords } from './security-report.ts';

const PROFILE = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['mount', 'bpf'], action: 'SCMP_ACT_ERRNO' }],
};
const HOST = new Map([
  ['net', 'net:[1]'],
  ['pid', 'pid:[1]'],
]);
const none = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };

function planOf(): LaunchPlan {
  const facts = { capabilities: [], architecture: 'x86_64', kernel: { major: 6, minor: 1 } } as const;
  const profile = parseProfile('/p.json', JSON.stringify(PROFILE));
  const device = { kind: 'node', path: 'null', mode: 0o020666, major: 1, minor: 3 } as const;
  const fresh = { kind: 'new', source: 'x', options: [], attributes: [] } as const;
  return {
    ...{ schemaVersion: 1, uid: parseContainerUid('0123456789ab'), isolators: [], umask: 0o22, reaper: false },
    namespaces: [{ kind: 'net', by: 'network/none' }],
    rootfs: { recipe: { kind: 'directory', path: '/r' }, mountPoint: '/m', by: 'filesystem/linux' },
    mounts: [
      { mount: { ...fresh, type: 'tmpfs', target: '/dev', content: [device] }, by: 'filesystem/linux' },
      { mount: { ...fresh, type: 'sysfs', target: '/sys', attributes: ['ro'] }, by: 'filesystem/linux' },
    ],
    maskedPaths: [{ path: '/proc/keys', by: 'filesystem/linux' }],
    readOnlyPaths: [{ path: '/proc/sys', by: 'filesystem/linux' }],
    ...{ cgroups: [], cgroupJoins: [], tracking: { path: '/cg', version: 2 } },
    credentials: { slot: 'credentials', producer: 'step resolve-user', user: { user: '0' }, by: 'caller' },
    capabilities: {
      ...none,
      bounding: ['CHOWN'],
      effective: ['CHOWN'],
      permitted: ['CHOWN'],
      by: 'linux/capabilities',
    },
    noNewPrivileges: { value: true, by: 'linux/nnp' },
    seccomp: {
      ...buildFilter(profile, facts, { profile: '/p.json', newerCalls: 'default' }),
      ...{ profile: '/p.json', by: 'linux/seccomp' },
    },
    command: { arguments: ['x'], environment: [], workdir: '/', by: 'caller' },
    stdio: { terminal: false, stdin: false, owned: false },
  };
}

let lines: Map<string, string>;
/** What a probe finds that finds everything as planned. */
beforeEach(() => {
  lines = new Map([
    ...Object.entries({ Uid: '0 0 0 0', Gid: '0 0 0 0', CapEff: '1', CapBnd: '1', CapInh: '0', CapAmb: '0' }).map(
      ([field, value]) => [`status\t${field}`, value] as const,
    ),
    ...[['status\tNoNewPrivs', '1'] as const, ['status\tSeccomp', '2'] as const],
    ...[['namespace\tnet', 'net:[2]'] as const, ['namespace\tpid', 'pid:[1]'] as const],
    ...[['file\t/proc/self/uid_map', '0 0 4294967295'] as const, ['file\t/proc/self/attr/current', ''] as const],
    ...[['interface\tlo', 'there'] as const, ['end\tprobe', 'ok'] as const, ['mknod\t/dev/x', 'EPERM'] as const],
  ]);
  for (const word of probeWords(planOf(), 'x86_64')) {
    const [, kind = '', subject = ''] = /^(\w+):(.*)$/.exec(word) ?? [];
    lines.set(`${kind}\t${subject}`, RESULTS[kind] ?? 'ok');
  }
  for (const name of ['mount', 'bpf']) lines.set(`call\t${callNumber('x86_64', name)}:0`, 'EPERM');
  lines.set('write\t/sys', 'EROFS');
});
const RESULTS: Readonly<Record<string, string>> = { call: 'reached', masked: 'empty', readonly: 'EROFS' };

function verdicts(): readonly string[] {
  const findings = new Findings([...lines].map(([key, result]) => `${key}\t${result}`));
  const rows = compareReport({ plan: planOf(), architecture: 'x86_64', findings, hostNamespaces: HOST });
  const silent = new Set(['mount', 'ipc', 'uts', 'cgroup', 'user', 'time']); // namespaces that these findings leave out
  return rows
    .filter(({ verdict, topic, subject }) => verdict !== 'agrees' && !(topic === 'namespaces' && silent.has(subject)))
    .map(({ topic, subject, verdict, probed }) => `${topic}, ${subject}: ${verdict}, ${probed}`);
}

test('what was found as planned agrees', () => {
  expect(verdicts()).toEqual([]);
});

test.each([
  ['status\tCapEff', '200001', 'capabilities, in effect: differs, CHOWN SYS_ADMIN'],
  ['status\tNoNewPrivs', '0', 'privileges, no_new_privs: differs, exec may gain rights'],
  ['status\tSeccomp', '0', 'system calls, filter: differs, not filtered'],
  ['status\tUid', '1000 0 0 0', 'user, user and group: differs, 1000:0'],
  ['namespace\tnet', 'net:[1]', "namespaces, net: differs, the host's"],
  ['namespace\tpid', 'pid:[7]', 'namespaces, pid: differs, its own'],
  ['file\t/proc/self/uid_map', '0 1000 1', 'user, map: differs, mapped: 0 1000 1'],
  ['interface\teth0', 'there', 'network, interfaces: differs, lo eth0'],
  ['write\t/', 'EROFS', 'writable paths, /: differs, refused (EROFS)'],
  ['write\t/sys', 'ok', 'writable paths, /sys: differs, written'],
  ['masked\t/proc/keys', 'readable', 'masked paths, /proc/keys: differs, readable'],
  ['readonly\t/proc/sys', 'ok', 'read-only paths, /proc/sys: differs, written'],
  ['device\t/dev/null', 'EACCES', 'devices, /dev/null: differs, refused (EACCES)'],
  ['mknod\t/dev/x', 'opened', "devices, node of the host's memory: differs, opened"],
  [`call\t${callNumber('x86_64', 'bpf')}:0`, 'reached', 'system calls, bpf: differs, other than planned: bpf allowed'],
  [`call\t${callNumber('x86_64', 'socket')}:38`, 'killed', 'system calls, socket AF_ALG: differs, killed'],
])('%s %s is told as a difference', (key, result, told) => {
  lines.set(key, result);
  expect(verdicts().filter((text) => text === told)).toEqual([told]);
});

test('what was not tried is not taken for proved', () => {
  lines.delete('write\t/');
  lines.delete(`call\t${callNumber('x86_64', 'read')}:0`);
  expect(verdicts()).toEqual(['system calls, files: unproved, not tried', 'writable paths, /: unproved, not tried']);
});
