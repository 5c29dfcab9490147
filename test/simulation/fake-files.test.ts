import { filesContract } from '../../src/base/files.contract.ts';
import { fakeFiles } from './fake-files.ts';
import { FakeKernel, WORLD } from './fake-kernel.ts';
import { Incarnation } from './incarnation.ts';
import { Scheduler, settled } from './scheduler.ts';

filesContract('of the simulation', async () => {
  const scheduler = new Scheduler(1);
  const files = fakeFiles(new FakeKernel(scheduler), new Incarnation(scheduler));
  let isOver = false;
  const play = async (): Promise<void> => {
    while (!isOver) if (!(await scheduler.step())) await settled();
  };
  const played = play();
  return {
    files,
    directory: WORLD.rootDir,
    dispose: async () => {
      isOver = true;
      await played;
    },
  };
});
