import { expect, test } from 'vitest';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import type { SecurityRequest } from '../model/security-config.ts';
import { cgroupsDevices } from './cgroups/devices.ts';
import { HOST, planInput, prepareAndPlan } from './isolator.fixture.ts';
import { capabilities } from './linux/capabilities.ts';
import { capabilityGrants } from './linux/capability-grants.ts';
import { linuxDevices } from './linux/devices.ts';
import { label } from './linux/label.ts';
import { noNewPrivileges } from './linux/nnp.ts';
import { seccomp } from './linux/seccomp/seccomp.ts';
import { cgroupNamespace } from './namespaces/cgroup.ts';
import { userNamespace } from './namespaces/user.ts';
import { selectIsolators } from './select.ts';

const FILES = memoryFiles({
  '/dev/null': '= character 1:3',
  '/dev/ptmx': '= character 5:2',
  '/dev/fuse': '= character 10:229',
  '/dev/net/tun': '= character 10:200',
  '/dev/cdrom': '-> /dev/fuse',
  '/dev/pts/0': '= character 136:0',
});
const privileged = (more: SecurityRequest = {}, host = HOST) =>
  planInput({ security: { privileged: true, ...more } }, { host });

test('each isolator gives what restricts least', async () => {
  expect(capabilities().plan(privileged()).capabilities?.bounding).toEqual(HOST.availableCapabilities);
  expect(noNewPrivileges().plan(privileged())).toEqual({});
  expect(seccomp().plan(privileged())).toEqual({});
  expect(cgroupNamespace().plan(privileged())).toMatchObject({ cgroupView: true, cgroupViewWritable: true });
  const apparmor = { ...HOST, labelAttributes: { appArmor: 'exec' } };
  expect(label().plan(privileged({}, apparmor)).execLabel?.label).toBe('exec unconfined');
  const { deviceRules } = await prepareAndPlan(cgroupsDevices({ files: FILES }), privileged());
  expect(deviceRules).toEqual([{ kind: 'all', access: 'rwm' }]);
});

test('it sees the devices of the host, and keeps the terminals and pseudo-devices that are its own', async () => {
  const { deviceNodes } = await prepareAndPlan(linuxDevices({ files: FILES }), privileged());
  expect(deviceNodes?.map(({ path }) => path)).toEqual(['fuse', 'net/tun']);
});

test('what it says itself still holds', () => {
  const asked = privileged({
    capabilities: { drop: ['SYS_ADMIN'] },
    noNewPrivileges: true,
    seccomp: { kind: 'builtin' },
  });
  expect(capabilities().plan(asked).capabilities?.bounding).not.toContain('SYS_ADMIN');
  expect(noNewPrivileges().plan(asked)).toEqual({ noNewPrivileges: true });
  expect(seccomp().plan(asked).seccomp?.profile).toBe('builtin');
});

test('it has no more than the agent gives out, and not what the agent forbids', () => {
  const bounded = capabilities(capabilityGrants({ mostCapabilities: ['KILL'] }));
  expect(bounded.plan(privileged()).capabilities?.bounding).toEqual(['KILL']);
  const forced = noNewPrivileges({ forceNoNewPrivileges: true });
  expect(() => forced.plan(privileged())).toThrow('a privileged container goes without no_new_privs');
});

test('in a user namespace it means nothing and is refused', () => {
  const ids = [{ container: 0, host: 100_000, count: 65_536 }];
  const input = { ...privileged(), userNamespace: { uids: ids, gids: ids, files: 'idmapped' } as const };
  expect(() => userNamespace().plan(input)).toThrow('a privileged container has the rights of root of the host');
});

test('isolators that leave its devices out do not serve it', () => {
  const catalog = [linuxDevices({ files: FILES }), capabilities()];
  const { config } = planInput({
    security: { privileged: true },
    rootfs: { kind: 'none' },
    command: ['true'],
    isolation: [],
  });
  expect(() => selectIsolators({ catalog, config, host: HOST })).toThrow('the work of linux/capabilities');
});
