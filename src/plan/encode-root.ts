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
  const sealed = plan.readOnlyRootfs === undefined ? [] : [step(plan.readOnlyRootfs.by, 'read-only-root', {})];
  if (recipe.kind === 'overlay' || recipe.kind === 'erofs') {
    return { ...shared, host: overlaySteps(plan, { by, recipe, slot, slots }), early: [], seal: sealed };
  }
  const isOwn = recipe.kind === 'copy';
  const tree = isOwn ? copySteps(plan, recipe.path, slot) : directorySteps(plan, recipe, slot);
  const seal = isOwn ? sealed : [];
  if (plan.userNamespace !== undefined) return { ...shared, host: tree, early: [], seal };
  return { ...shared, host: [], early: tree, seal };
}

type Recipe = NonNullable<LaunchPlan['rootfs']>['recipe'];
/** What is written goes to a directory beside the layers. */
type OverlayRecipe = Extract<Recipe, { kind: 'overlay' | 'erofs' }>;

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
  const { upperDir = '', workDir = '' } = recipe;
  if (plan.diskQuota?.way === 'image') return diskSteps(plan, plan.diskQuota, { recipe, slot, slots });
  const made = [upperDir, workDir].filter((path) => path !== '');
  const directories = made.map((path) => step(by, 'make-directory', { path, mode: 0o755, existingOk: 1 }));
  const overlay = (mapped: boolean): Step => overlayStep(by, recipe, { slot, mapped });
  if (userNamespace === undefined) return [...directories, overlay(false)];
  if (userNamespace.files === 'shifted') {
    const shift = step(userNamespace.by, 'shift-tree', { slot, ...idMaps(userNamespace) });
    return [...directories, overlay(false), shift];
  }
  return [...directories, ...asContainerRoot(userNamespace, [overlay(true)])];
}

/** @param on.disk slot of the disk that upper and work are on, in place of directories */
function overlayStep(
  by: string,
  recipe: OverlayRecipe,
  on: { readonly slot: number; readonly mapped: boolean; readonly disk?: number },
): Step {
  const { slot, disk } = on;
  const mapped = on.mapped ? 1 : 0;
  const attributes = NO_DEVICES;
  const [upper, work] = disk === undefined ? [recipe.upperDir ?? '', recipe.workDir ?? ''] : ['', ''];
  if (recipe.kind === 'erofs') {
    const images = recipe.layers.map(({ file }) => file);
    const digests = recipe.layers.map(({ verity }) => verity ?? '');
    const onDisk = disk === undefined ? 0 : 1;
    const written = { upper, work, disk: disk ?? 0, onDisk };
    return step(by, 'create-erofs-overlay', { slot, images, digests, ...written, attributes, mapped });
  }
  const { lowerDirs: lower } = recipe;
  if (disk !== undefined) return step(by, 'create-overlay-on', { slot, lower, disk, attributes, mapped });
  return step(by, on.mapped ? 'create-mapped-overlay' : 'create-overlay', { slot, lower, upper, work, attributes });
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
  const mapped = userNamespace?.files === 'idmapped';
  const steps = [overlayStep(by, recipe, { slot, mapped, disk })];
  if (userNamespace === undefined) return [create, ...steps];
  if (mapped) return [create, ...asContainerRoot(userNamespace, steps)];
  return [create, ...steps, step(userNamespace.by, 'shift-tree', { slot, ...idMaps(userNamespace) })];
}

/**
 * A directory of the caller's, or a layer that is shown itself, is cloned in the child, whose mounts are private by then: a clone made on the host would
 * be a peer of the host's mount and send it what is mounted inside, unless `map-tree` makes it private. Read-only it is from the start, so that not even
 * a mount point is made in it.
 */
function directorySteps(
  plan: LaunchPlan,
  { kind, path }: Extract<Recipe, { kind: 'directory' | 'bind' }>,
  slot: number,
): readonly Step[] {
  const by = plan.rootfs?.by ?? '';
  const clone = step(by, 'clone-tree', { slot, path, recursive: 1, expect: EXPECT_DIRECTORY });
  const noDevices = step(by, 'set-mount-attributes', { slot, attributes: NO_DEVICES, recursive: 1 });
  const map = plan.userNamespace === undefined ? [] : [step(plan.userNamespace.by, 'map-tree', { slot, path })];
  // Whatever the plan says: a layer belongs to every container of its images.
  const readOnly = kind === 'bind' ? { by } : plan.readOnlyRootfs;
  if (readOnly === undefined) return [clone, ...map, noDevices];
  const attributes = mountAttributeBits(['ro']);
  return [clone, ...map, noDevices, step(readOnly.by, 'set-mount-attributes', { slot, attributes, recursive: 0 })];
}

/** The container's own tree, its owners mapped, or changed where they cannot be. */
function copySteps({ rootfs, userNamespace: user }: LaunchPlan, path: string, slot: number): readonly Step[] {
  const by = rootfs?.by ?? '';
  const clone = step(by, 'clone-tree', { slot, path, recursive: 0, expect: EXPECT_DIRECTORY });
  const noDevices = step(by, 'set-mount-attributes', { slot, attributes: NO_DEVICES, recursive: 0 });
  if (user === undefined) return [clone, noDevices];
  if (user.files === 'idmapped') return [clone, step(user.by, 'map-tree', { slot, path }), noDevices];
  return [clone, step(user.by, 'shift-tree', { slot, ...idMaps(user) }), noDevices];
}

/** Whether set-workdir may make what is missing: in a container's own tree, never in a caller's or the host's. */
export function ownsRoot(plan: LaunchPlan): boolean {
  const kind = plan.rootfs?.recipe.kind;
  return kind === 'overlay' || kind === 'copy' || kind === 'erofs';
}
