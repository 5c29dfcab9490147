import { expect, test } from 'vitest';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import { readLabelAttributes } from './label-attributes.ts';

test.each([
  [{}, {}],
  [{ '/sys/kernel/security/lsm': 'lockdown,capability,landlock,bpf' }, {}],
  [{ '/sys/kernel/security/lsm': 'capability,selinux\n' }, { seLinux: 'exec' }],
  [{ '/sys/fs/selinux/enforce': '1' }, { seLinux: 'exec' }],
  [{ '/sys/module/apparmor/parameters/enabled': 'N\n' }, {}],
  [{ '/sys/module/apparmor/parameters/enabled': 'Y\n' }, { appArmor: 'exec' }],
  [
    { '/sys/module/apparmor/parameters/enabled': 'Y\n', '/proc/self/attr/apparmor/exec': '' },
    { appArmor: 'apparmor/exec' },
  ],
])('with %j the modules that label are %j', async (tree, expected) => {
  expect(await readLabelAttributes(memoryFiles(tree))).toEqual(expected);
});
