import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { UndoStack } from '../../base/undo-stack.ts';
import { HOST_V2, knobsOf, planInput } from '../isolator.fixture.ts';
import { cgroupsNetPrio } from './net-prio.ts';

const resources = {
  networkPriorities: [
    { networkInterface: 'eth0', priority: 5 },
    { networkInterface: 'lo', priority: 0 },
  ],
};

test('each interface has a line of its own', () => {
  expect(knobsOf(cgroupsNetPrio, resources)).toEqual(['net_prio.ifpriomap=eth0 5', 'net_prio.ifpriomap=lo 0']);
});

test('an interface that the host lacks is refused with those it has', async () => {
  const files = memoryFiles({ '/sys/class/net/lo/x': '' });
  await expect(cgroupsNetPrio({ files }).prepare?.(planInput({ resources }), new UndoStack())).rejects.toThrow(
    'network interfaces eth0, lo were asked for, and this host has no eth0',
  );
});

test('v2 has no such controller', () => {
  expect(() => knobsOf(cgroupsNetPrio, resources, { host: HOST_V2 })).toThrow('needs the cgroup controller net_prio');
});
