import type { Frame } from '../../src/base/effects.ts';
import type { ContainerStatus } from '../../src/engine/facade.ts';
import { messageName } from '../../src/model/wire-codec.ts';
import { type FakeKernel, WORLD } from './fake-kernel.ts';
import type { World } from './world.ts';

const CONTAINERS = `${WORLD.rootDir}/containers`;
const RUNS = `${WORLD.stateDir}/c`;

/**
 * What holds at every moment: what has a record is listed, for an engine that came now would list it, so a removal takes the
 * record first; and nothing was started that has none.
 */
export function checkRecords({ kernel }: World, list: readonly ContainerStatus[]): void {
  if (kernel.faults.length > 0) throw new Error(kernel.faults.join(', '));
  const uids = list.map(({ uid }) => uid as string);
  for (const directory of [CONTAINERS, RUNS]) {
    const recorded = kernel.disk
      .children(directory)
      .filter((uid) => kernel.disk.get(`${directory}/${uid}/config.json`));
    const unlisted = recorded.filter((uid) => !uids.includes(uid));
    if (unlisted.length > 0) throw new Error(`${unlisted.join(', ')} in ${directory}: a record of what is not listed`);
  }
}

/** A container may start once the next engine would find it. */
export function noteStart(
  { disk, faults }: FakeKernel,
  { uid, isContainer }: { readonly uid: string; readonly isContainer: boolean },
  frame: Frame,
): void {
  if (!isContainer || messageName(frame) !== 'start') return;
  const isThere = (path: string): boolean => disk.get(path) !== undefined;
  const isKept = isThere(`${CONTAINERS}/${uid}/config.json`) && isThere(`${RUNS}/${uid}/plan.json`);
  if (isKept || isThere(`${RUNS}/${uid}/config.json`)) return;
  faults.push(`${uid} is started before its checkpoint is written`);
}
