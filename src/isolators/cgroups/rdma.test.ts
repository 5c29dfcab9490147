import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { UndoStack } from '../../base/undo-stack.ts';
import { groupedContainer, HOST, HOST_V2, knobsOf, planInput } from '../isolator.fixture.ts';
import { cgroupsRdma } from './rdma.ts';

const resources = {
  rdma: [
    { device: 'mlx5_0', handles: 2, objects: 2000 },
    { device: 'mlx5_1', objects: 5 },
  ],
};

test.each([HOST, HOST_V2])('each device has a line of its own, the same in both versions', (host) => {
  expect(knobsOf(cgroupsRdma, resources, { host })).toEqual([
    'rdma.max=mlx5_0 hca_handle=2 hca_object=2000',
    'rdma.max=mlx5_1 hca_object=5',
  ]);
});

test('a device that the host lacks is refused with those it has', async () => {
  const files = memoryFiles({ '/sys/class/infiniband/mlx5_0/x': '' });
  await expect(cgroupsRdma({ files }).prepare?.(planInput({ resources }), new UndoStack())).rejects.toMatchObject({
    message: 'RDMA devices mlx5_0, mlx5_1 were asked for, and this host has no mlx5_1',
    remedy: 'it has mlx5_0',
  });
});

test('usage is summed over the devices', async () => {
  const text = 'mlx5_0 hca_handle=1 hca_object=20\nmlx5_1 hca_handle=2 hca_object=3\n';
  const files = memoryFiles({ '/cg/rdma/rdma.current': text });
  expect(await cgroupsRdma({ files }).usage?.(groupedContainer(2))).toEqual({ rdmaHandles: 3, rdmaObjects: 23 });
});
