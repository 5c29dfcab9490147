import { expect, test } from 'vitest';
import { hostTreeInput, planInput } from '../isolator.fixture.ts';
import { networkNone } from '../network/none.ts';
import { cgroupNamespace } from './cgroup.ts';
import { ipcNamespace } from './ipc.ts';
import { pidNamespace } from './pid.ts';
import { utsNamespace } from './uts.ts';

test('pid makes a namespace and leaves /proc to the file system', () => {
  expect(pidNamespace().plan(planInput())).toEqual({ namespaces: ['pid'] });
});

test('ipc brings shared memory of 64 MiB and message queues', () => {
  const { namespaces, mounts } = ipcNamespace().plan(planInput());
  expect(namespaces).toEqual(['ipc']);
  expect(mounts?.map(({ target }) => target)).toEqual(['/dev/shm', '/dev/mqueue']);
  expect(mounts?.[0]).toMatchObject({ type: 'tmpfs', options: ['mode=1777', 'size=64m'] });
});

test('a volume at /dev/shm takes the place of ours', () => {
  const volumes = [{ hostPath: '/x', containerPath: '/dev/shm', readOnly: false }];
  expect(
    ipcNamespace()
      .plan(planInput({ volumes }))
      .mounts?.map(({ target }) => target),
  ).toEqual(['/dev/mqueue']);
});

test("on the host's tree only /dev/shm is covered", () => {
  expect(
    ipcNamespace()
      .plan(hostTreeInput())
      .mounts?.map(({ target }) => target),
  ).toEqual(['/dev/shm']);
});

test('uts names the container by its uid, or as the caller says', () => {
  expect(utsNamespace().plan(planInput())).toEqual({ namespaces: ['uts'], hostname: '0123456789ab' });
  expect(utsNamespace().plan(planInput({ hostname: 'web' })).hostname).toBe('web');
});

test('cgroup shows a container its own groups', () => {
  expect(cgroupNamespace().plan(planInput())).toEqual({ namespaces: ['cgroup'], cgroupView: true });
});

test('no network is a namespace with its loopback up', () => {
  expect(networkNone().plan(planInput())).toEqual({ namespaces: ['net'], loopback: true });
});
