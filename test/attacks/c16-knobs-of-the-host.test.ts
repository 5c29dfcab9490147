import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena } from './support/arena.ts';

/** Opens for writing, and writes nothing: knobs of the host are none of a test's. */
const OPEN = `
for knob in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/vm/panic_on_oom /proc/sysrq-trigger \\
  /proc/irq/default_smp_affinity /proc/fs/* /sys/kernel/uevent_helper /sys/fs/cgroup/* /sys/fs/cgroup/*/*; do
  [ -f $knob ] && (: >>$knob) 2>/dev/null && echo $knob
done
exit 0`;

/** CVE-2022-0492, CVE-2022-0811: what a container writes there holds for the whole host, or ends in a program run by it. */
describe.skipIf(!PlannedHost.isPossible)('C16, release_agent, core_pattern and other knobs of the host', () => {
  let weak: Arena;
  let arena: Arena;
  beforeAll(async () => {
    weak = await Arena.open(['HIDDEN_PATHS']);
    arena = await Arena.open();
  });
  afterAll(async () => {
    await weak.close();
    await arena.close();
  });

  async function opened(where: Arena): Promise<string> {
    const outcome = await where.attempt(OPEN);
    if ('refused' in outcome) throw new Error(outcome.message);
    return outcome.printed;
  }

  test('root in a container opens them for writing where nothing is made read-only, and none with us', async () => {
    const open = await opened(weak);
    for (const knob of ['/proc/sys/kernel/core_pattern', '/proc/irq/default_smp_affinity', '/sys/fs/cgroup/'])
      expect(open).toContain(knob);
    expect(await opened(arena)).toBe('');
  });

  test('it cannot mount a hierarchy of its own, in which it would be the one to name a release agent', async () => {
    const mount =
      'mkdir /tmp/group; for type in cgroup cgroup2 proc; do busybox mount -t $type none /tmp/group 2>/dev/null && echo $type; done; exit 0';
    const isolation = ['filesystem/linux', 'namespaces/pid', 'namespaces/cgroup', 'network/none'];
    expect(await arena.attempt(`busybox ${mount}`, { isolation, rootfs: arena.rootfs() })).toMatchObject({
      printed: expect.stringContaining('cgroup'),
    });
    expect(await arena.attempt(`busybox ${mount}`)).toMatchObject({ printed: '' });
  });

  test.each([
    'kernel.core_pattern',
    'kernel.modprobe',
    'vm.panic_on_oom',
    'fs.suid_dumpable',
    'kernel.unprivileged_bpf_disabled',
  ])('the kernel parameter %s is refused to every container', async (name) => {
    await expect(arena.host.plan({ command: ['sh'], sysctls: { [name]: '1' } })).rejects.toMatchObject({
      message: expect.stringContaining(name),
    });
  });
});
