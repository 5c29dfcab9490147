import { expect, test } from 'vitest';
import { planInput } from '../isolator.fixture.ts';
import { sysctl } from './sysctl.ts';

const OWN = ['namespaces/ipc', 'namespaces/uts', 'network/none'];
const planned = (name: string, isolators: readonly string[] = OWN) =>
  sysctl().plan(planInput({ sysctls: { [name]: '1' } }, { isolators }));

test.each([
  ['net.ipv4.ip_unprivileged_port_start', 'net/ipv4/ip_unprivileged_port_start'],
  ['kernel.shmmax', 'kernel/shmmax'],
  ['fs.mqueue.msg_max', 'fs/mqueue/msg_max'],
  ['kernel.domainname', 'kernel/domainname'],
])('%s is of a namespace', (name, path) => {
  expect(planned(name)).toEqual({ sysctls: [{ path, value: '1' }] });
});

test.each(['kernel.core_pattern', 'vm.overcommit_memory', 'fs.file-max', 'kernel.shm', 'kernel.hostname'])(
  '%s is the whole host s and refused',
  (name) => {
    expect(() => planned(name)).toThrow(`kernel parameter ${name} is not one of a namespace`);
  },
);

test.each([{ kind: 'host' } as const, { kind: 'container', container: 'x' } as const])(
  'a queue of %j is not its own',
  (ipc) => {
    const input = planInput({ sysctls: { 'kernel.sem': '1' }, namespaces: { ipc } }, { isolators: OWN });
    expect(() => sysctl().plan(input)).toThrow('shares that with others');
  },
);

test.each([
  ['net.core.somaxconn', 'net'],
  ['kernel.sem', 'ipc'],
  ['kernel.domainname', 'uts'],
])('%s is refused where the %s namespace is the host s', (name, namespace) => {
  expect(() => planned(name, [])).toThrow(`belongs to the ${namespace} namespace`);
});
