import { mountAttributeBits } from '../linux/mount-attributes.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import { type Step, step } from '../model/wire.ts';
import { asContainerRoot, idMaps, reachable } from './encode-user.ts';
import type { SlotAllocator } from './slots.ts';

/** How the root comes to be: what the monitor does, what the child does before and after the isolate barrier. */
export interface RootSteps {
  readonly host: readonly Step[];
  readonly early: readonly Step[];
  readonly attach: readonly Step[];
  readonly pivot: readonly Step[];
  /** After the working directory was made, which a read-only root would refuse. */
  readonly seal: readonly Step[];
}

const NONE: RootSteps = { host: [], early: [], attach: [], pivot: [], seal: [] };
/**
 * The devices of a container are those of its own /dev. An image may hold a node of the host's disk that anybody may
 * write, and without a filter of devices only this keeps it from being one.
 */
const NO_DEVICES = mountAttributeBits(['nodev']);
/** `expect` of the step clone-tree: a directory, and no link at its end. */
const EXPECT_DIRECTORY = 1;

export function encodeRoot(plan: LaunchPlan, slots: SlotAllocator): RootSteps {
  if (plan.rootfs === undefined) return NONE;
  const { recipe, by } = plan.rootfs;
  const slot = slots.take();
  const mountPoint = reachable(plan, plan.rootfs.mountPoint);
  const shared = {
    attach: [step(by, 'attach-root', { slot, mountPoint })],
    pivot: [step(by, 'pivot-root', {})],
  };
  if (recipe.kind === 'overlay') {
    const seal = plan.readOnlyRootfs === undefined ? [] : [step(plan.readOnlyRootfs.by, 'read-only-root', {})];
    return { ...shared, host: overlaySteps(plan, { by, recipe, slot, slots }), early: [], seal };
  }
  const directory = directorySteps(plan, recipe.path, slot);
  if (plan.userNamespace !== undefined) return { ...shared, host: directory, early: [], seal: [] };
  return { ...shared, host: [], early: directory, seal: [] };
}

type OverlayRecipe = Extract<NonNullable<LaunchPlan['rootfs']>['recipe'], { kind: 'overlay' }>;

interface OverlayRequest {
  readonly by: string;
  readonly recipe: OverlayRecipe;
  readonly slot: number;
  readonly slots: SlotAllocator;
}

/**
 * Made by the monitor, as whoever the container's root is on the host: what overlayfs itself makes then has owners that
 * the maps know, and on disk they are the container's own ids.
 */
function overlaySteps(plan: LaunchPlan, { by, recipe, slot, slots }: OverlayRequest): readonly Step[] {
  const { userNamespace } = plan;
  const { lowerDirs, upperDir = '', workDir = '' } = recipe;
  if (plan.diskQuota?.way === 'image') return diskSteps(plan, plan.diskQuota, { recipe, slot, slots });
  const made = [upperDir, workDir].filter((path) => path !== '');
  const overlay = { slot, lower: lowerDirs, upper: upperDir, work: workDir, attributes: NO_DEVICES };
  const directories = made.map((path) => step(by, 'make-directory', { path, mode: 0o755, existingOk: 1 }));
  if (userNamespace === undefined) return [...directories, step(by, 'create-overlay', overlay)];
  if (userNamespace.files === 'shifted') {
    const shift = step(userNamespace.by, 'shift-tree', { slot, ...idMaps(userNamespace) });
    return [...directories, step(by, 'create-overlay', overlay), shift];
  }
  return [...directories, ...asContainerRoot(userNamespace, [step(by, 'create-mapped-overlay', overlay)])];
}

/**
 * The upper directory on a disk of its own. With idmapped files that disk is mapped as the layers are: it is ours, new
 * and seen by nobody, and ext4 can be. Made as root of the host, who alone gets a loop device.
 */
function diskSteps(
  { userNamespace }: LaunchPlan,
  { file: path, limitBytes: bytes, by }: Extract<NonNullable<LaunchPlan['diskQuota']>, { way: 'image' }>,
  { recipe, slot, slots }: Omit<OverlayRequest, 'by'>,
): readonly Step[] {
  const disk = slots.take();
  const create = step(by, 'create-disk', { slot: disk, path, bytes });
  const mapped = userNamespace?.files === 'idmapped' ? 1 : 0;
  const overlay = { slot, lower: recipe.lowerDirs, disk, attributes: NO_DEVICES, mapped };
  const steps = [step(by, 'create-overlay-on', overlay)];
  if (userNamespace === undefined) return [create, ...steps];
  if (mapped === 1) return [create, ...asContainerRoot(userNamespace, steps)];
  return [create, ...steps, step(userNamespace.by, 'shift-tree', { slot, ...idMaps(userNamespace) })];
}

/**
 * A directory of the caller's is cloned in the child, whose mounts are private by then: a clone made on the host would
 * be a peer of the host's mount and send it what is mounted inside, unless `map-tree` makes it private. Read-only it is from the start, so that not even
 * a mount point is made in it.
 */
function directorySteps(plan: LaunchPlan, path: string, slot: number): readonly Step[] {
  const by = plan.rootfs?.by ?? '';
  const clone = step(by, 'clone-tree', { slot, path, recursive: 1, expect: EXPECT_DIRECTORY });
  const noDevices = step(by, 'set-mount-attributes', { slot, attributes: NO_DEVICES, recursive: 1 });
  const map = plan.userNamespace === undefined ? [] : [step(plan.userNamespace.by, 'map-tree', { slot, path })];
  if (plan.readOnlyRootfs === undefined) return [clone, ...map, noDevices];
  const attributes = mountAttributeBits(['ro']);
  return [
    clone,
    ...map,
    noDevices,
    step(plan.readOnlyRootfs.by, 'set-mount-attributes', { slot, attributes, recursive: 0 }),
  ];
}

/** Whether set-workdir may make what is missing: in a container's own tree, never in a caller's or the host's. */
export function ownsRoot(plan: LaunchPlan): boolean {
  return plan.rootfs?.recipe.kind === 'overlay';
}
