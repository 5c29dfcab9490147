import { mountAttributeBits } from '../linux/mount-attributes.ts';
import type { BindMount, LaunchPlan, Mount, MountContent, NewMount, SharedMount } from '../model/launch-plan.ts';
import { type Step, step } from '../model/wire.ts';
import { withDeviceNodes } from './encode-devices.ts';
import type { SlotAllocator } from './slots.ts';

/**
 * The parts of a mount: made detached by the monitor, where that needs rights that the child has not, or by the child
 * while the host steps run; attached once the root is there.
 */
export interface MountSteps {
  readonly host: readonly Step[];
  readonly early: readonly Step[];
  readonly attach: readonly Step[];
}

/** `create` of the step attach-mount. */
const CREATE = { nothing: 0, directory: 1, file: 2 } as const;
/** `expect` of the step clone-tree: the caller named the path, so a link at its end is followed. */
const FOLLOW_SYMLINK = 2;

/**
 * Kernel file systems must land where they say: an image whose /proc, /sys or /dev is a link would otherwise send
 * them elsewhere (CVE-2019-19921 and its kin).
 */
const KERNEL_DIRECTORIES: ReadonlySet<string> = new Set(['proc', 'sys', 'dev']);

/** All mounts of a plan, in its order: parents come before what is mounted in them. */
export function encodeMounts(plan: LaunchPlan, slots: SlotAllocator): MountSteps {
  const host: Step[] = [];
  const early: Step[] = [];
  const attach: Step[] = [];
  for (const { mount: planned, by } of plan.mounts) {
    const mount = withDeviceNodes(plan, planned);
    const slot = slots.take();
    const made = mount.kind === 'new' ? newMount(by, mount, slot) : existingMount(plan, by, mount, slot);
    (isForHost(plan, mount) ? host : early).push(...made);
    attach.push(attachStep(by, { plan, slot, target: mount.target, create: createOf(mount) }));
  }
  return { host, early, attach };
}

/**
 * In a user namespace nobody makes a device node (mknod(2)), copies a mount of the host or shows it under other owners:
 * the monitor does. What belongs to another container is always its work.
 */
function isForHost({ userNamespace }: LaunchPlan, mount: Mount): boolean {
  if (mount.kind === 'shared') return true;
  if (userNamespace === undefined) return false;
  return mount.kind === 'bind' || (mount.content ?? []).some(({ kind }) => kind === 'node');
}

/**
 * A fresh file system with its content. One that will be read-only gets so after it was filled.
 */
export function newMount(by: string, mount: Omit<NewMount, 'kind' | 'target'>, slot: number): readonly Step[] {
  const { type, source, options } = mount;
  const content = mount.content ?? [];
  const filledFirst = content.length > 0 && mount.attributes.includes('ro');
  const attributes = mountAttributeBits(mount.attributes.filter((name) => !filledFirst || name !== 'ro'));
  const steps = [step(by, 'create-mount', { slot, type, source, options, attributes })];
  steps.push(...content.flatMap((item) => contentSteps(by, item, slot)));
  if (filledFirst) {
    steps.push(
      step(by, 'set-mount-attributes', { slot, attributes: mountAttributeBits(mount.attributes), recursive: 0 }),
    );
  }
  return steps;
}

export interface Attachment {
  readonly plan: LaunchPlan;
  readonly slot: number;
  readonly target: string;
  readonly create: 0 | 1 | 2;
}

/** Attaches below the future root, or in the present tree when the container keeps the host's. */
export function attachStep(by: string, { plan, slot, target, create }: Attachment): Step {
  if (plan.rootfs === undefined) return step(by, 'attach-at', { slot, target });
  const noSymlinks = KERNEL_DIRECTORIES.has(target.split('/')[1] ?? '') ? 1 : 0;
  return step(by, 'attach-mount', { slot, target, create, noSymlinks });
}

function existingMount(plan: LaunchPlan, by: string, mount: BindMount | SharedMount, slot: number): readonly Step[] {
  return mount.kind === 'shared' ? sharedMount(by, mount, slot) : bindMount(plan, { by, mount, slot });
}

/** A bind that is made for whatever purpose. */
interface BindRequest {
  readonly by: string;
  readonly mount: Pick<BindMount, 'source' | 'recursive' | 'attributes' | 'keepOwners'>;
  readonly slot: number;
}

/** A directory or file of the host; in a user namespace with the owners that its maps say, unless it keeps its own. */
export function bindMount({ userNamespace }: LaunchPlan, { by, mount, slot }: BindRequest): readonly Step[] {
  const recursive = mount.recursive ? 1 : 0;
  const clone = step(by, 'clone-tree', { slot, path: mount.source, recursive, expect: FOLLOW_SYMLINK });
  const isMapped = userNamespace !== undefined && mount.keepOwners === undefined;
  const map = isMapped ? [step(userNamespace.by, 'map-tree', { slot, path: mount.source })] : [];
  const attributes = mountAttributeBits(mount.attributes);
  const set = attributes === 0 ? [] : [step(by, 'set-mount-attributes', { slot, attributes, recursive })];
  return [clone, ...map, ...set];
}

function sharedMount(by: string, { source, of, attributes }: SharedMount, slot: number): readonly Step[] {
  return [
    step(by, 'clone-tree-of', { slot, pid: of.pid, startTime: BigInt(of.startTime), path: source }),
    step(by, 'set-mount-attributes', { slot, attributes: mountAttributeBits(attributes), recursive: 0 }),
  ];
}

function contentSteps(by: string, item: MountContent, slot: number): readonly Step[] {
  switch (item.kind) {
    case 'node': {
      const { path, mode, major, minor, owner } = item;
      const node = step(by, 'make-node', { slot, path, mode, major, minor });
      return owner === undefined ? [node] : [node, step(by, 'own-node', { slot, path, ...owner })];
    }
    case 'symlink':
      return [step(by, 'make-symlink', { slot, path: item.path, target: item.target })];
    case 'directory':
      return [step(by, 'make-directory-in', { slot, path: item.path, mode: item.mode })];
  }
}

function createOf(mount: Mount): 0 | 1 | 2 {
  return mount.kind === 'bind' ? CREATE[mount.create] : CREATE.directory;
}
