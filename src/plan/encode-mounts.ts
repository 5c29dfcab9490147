import { mountAttributeBits } from '../linux/mount-attributes.ts';
import type {
  BindMount,
  ImageMount,
  LaunchPlan,
  Mount,
  MountAttribute,
  MountContent,
  NewMount,
  SharedMount,
} from '../model/launch-plan.ts';
import type { SecretValues } from '../model/volume.ts';
import { type Step, step } from '../model/wire.ts';
import { withDeviceNodes } from './encode-devices.ts';
import { attachVolume, earlyAttributes, isTreated, owningSteps, treatmentSteps } from './encode-volume.ts';
import { secretValue } from './secrets.ts';
import type { SlotAllocator } from './slots.ts';

/**
 * The parts of a mount: made detached by the monitor, where that needs rights that the child has not, or by the child
 * while the host steps run; attached once the root is there.
 */
export interface MountSteps {
  /** Trees that only the monitor can give: of image layers, and peers of the host's own mounts, among others. */
  readonly host: readonly Step[];
  readonly early: readonly Step[];
  readonly attach: readonly Step[];
  /** Once the user is known. */
  readonly own: readonly Step[];
}

/** `create` of the step attach-mount. */
const CREATE = { nothing: 0, directory: 1, file: 2 } as const;
/** `create` of the step attach-volume: a directory or a file, as what was taken out of a tree. */
const AS_TREE = 3;
/** `expect` of the step clone-tree: the caller named the path, so a link at its end is followed. */
const FOLLOW_SYMLINK = 2;

/**
 * Kernel file systems must land where they say: an image whose /proc, /sys or /dev is a link would otherwise send
 * them elsewhere (CVE-2019-19921 and its kin).
 */
const KERNEL_DIRECTORIES: ReadonlySet<string> = new Set(['proc', 'sys', 'dev']);

/**
 * All mounts of a plan, in its order: parents come before what is mounted in them.
 *
 * @throws {EngineError} `plan.secretMissing` (invalid-argument)
 */
export function encodeMounts(plan: LaunchPlan, slots: SlotAllocator, means: MountMeans): MountSteps {
  const host: Step[] = [];
  const early: Step[] = [];
  const attach: Step[] = [];
  const taken = new Map<string, number>();
  for (const { mount: planned, by } of plan.mounts) {
    const mount = withDeviceNodes(plan, planned);
    const slot = slots.take();
    taken.set(mount.target, slot);
    const made = makeMount(plan, by, mount, { slot, ...means });
    host.push(...made.host);
    early.push(...made.early);
    attach.push(...made.attach, attachStep(by, { plan, slot, target: mount.target, create: createOf(mount), mount }));
  }
  return { host, early, attach, own: owningSteps(plan, taken) };
}

/** What the making of mounts needs besides the plan. */
export interface MountMeans {
  readonly secrets: SecretValues;
  /** An empty directory of ours, on the host. */
  readonly mountPoint: string;
}

interface Making extends MountMeans {
  readonly slot: number;
}

/**
 * In a user namespace nobody makes a device node (mknod(2)), copies a mount of the host or shows it under other owners:
 * the monitor does. What belongs to another container is always its work.
 */
function isForHost({ userNamespace }: LaunchPlan, mount: Mount): boolean {
  if (mount.kind === 'shared' || mount.kind === 'image') return true;
  if (mount.kind === 'bind' && mount.propagation !== undefined) return true;
  if (userNamespace === undefined) return false;
  return mount.kind === 'bind' || (mount.content ?? []).some(({ kind }) => kind === 'node');
}

/** A tree that a host step makes reaches the child at the isolate barrier, so what is done to it comes after that. */
function makeMount(
  plan: LaunchPlan,
  by: string,
  mount: Mount,
  making: Making,
): Pick<MountSteps, 'host' | 'early' | 'attach'> {
  const { slot } = making;
  const treated = treatmentSteps(by, mount, slot, making.mountPoint);
  const set = mount.kind === 'new' ? sealing(by, mount, slot) : attributeSteps(by, mount, slot);
  const made = madeBy(plan, by, mount, making);
  if (!isForHost(plan, mount)) return { host: [], early: [...made, ...treated, ...set], attach: [] };
  // The child does what is particular; what every mount has is set before it sees it.
  return treated.length === 0 && mount.kind !== 'image'
    ? { host: [...made, ...set], early: [], attach: [] }
    : { host: made, early: [], attach: [...treated, ...set] };
}

function madeBy(plan: LaunchPlan, by: string, mount: Mount, making: Making): readonly Step[] {
  const { slot } = making;
  switch (mount.kind) {
    case 'new':
      return freshMount(by, mount, making);
    case 'image': {
      const op = plan.userNamespace === undefined ? 'create-overlay' : 'create-mapped-overlay';
      return [step(by, op, { slot, lower: mount.lowerDirs, upper: '', work: '', attributes: 0 })];
    }
    case 'bind':
      return cloneSteps(plan, { by, mount, slot });
    case 'shared': {
      const { of, source: path } = mount;
      return [step(by, 'clone-tree-of', { slot, pid: of.pid, startTime: BigInt(of.startTime), path })];
    }
  }
}

/** A fresh file system with its content. One that will be read-only gets so after it was filled. */
export function newMount(by: string, mount: Omit<NewMount, 'kind' | 'target'>, slot: number): readonly Step[] {
  const whole: NewMount = { kind: 'new', target: '', ...mount };
  return [...freshMount(by, whole, { slot, secrets: new Map(), mountPoint: '' }), ...sealing(by, whole, slot)];
}

function freshMount(by: string, mount: NewMount, { slot, secrets }: Making): readonly Step[] {
  const { type, source, options } = mount;
  const later = isFilled(mount);
  const attributes = mountAttributeBits(mount.attributes.filter((name) => !later || name !== 'ro'));
  const content = (mount.content ?? []).flatMap((item) => contentSteps(by, item, slot, secrets));
  return [step(by, 'create-mount', { slot, type, source, options, attributes }), ...content];
}

function sealing(by: string, mount: NewMount, slot: number): readonly Step[] {
  if (!isFilled(mount) || !mount.attributes.includes('ro')) return [];
  return [step(by, 'set-mount-attributes', { slot, attributes: mountAttributeBits(mount.attributes), recursive: 0 })];
}

function isFilled(mount: NewMount): boolean {
  return (mount.content ?? []).length > 0;
}

export interface Attachment {
  readonly plan: LaunchPlan;
  readonly slot: number;
  readonly target: string;
  readonly create: 0 | 1 | 2 | 3;
  /** Absent: one of ours, without anything particular. */
  readonly mount?: Mount;
}

/** Attaches below the future root, or in the present tree when the container keeps the host's. */
export function attachStep(by: string, { plan, slot, target, create, mount }: Attachment): Step {
  const noSymlinks = KERNEL_DIRECTORIES.has(target.split('/')[1] ?? '') ? 1 : 0;
  const treated = mount !== undefined && isTreated(mount);
  if (plan.rootfs === undefined) {
    return treated
      ? attachVolume(by, mount, { slot, create: 0, noSymlinks: 0 })
      : step(by, 'attach-at', { slot, target });
  }
  if (treated) return attachVolume(by, mount, { slot, create, noSymlinks });
  return step(by, 'attach-mount', { slot, target, create, noSymlinks });
}

/** A bind that is made for whatever purpose. */
interface BindRequest {
  readonly by: string;
  readonly mount: Pick<BindMount, 'source' | 'recursive' | 'attributes' | 'keepOwners'>;
  readonly slot: number;
}

/** A directory or file of the host; in a user namespace with the owners that its maps say, unless it keeps its own. */
function cloneSteps({ userNamespace }: LaunchPlan, { by, mount, slot }: BindRequest): readonly Step[] {
  const recursive = mount.recursive ? 1 : 0;
  const clone = step(by, 'clone-tree', { slot, path: mount.source, recursive, expect: FOLLOW_SYMLINK });
  const isMapped = userNamespace !== undefined && mount.keepOwners === undefined;
  const map = isMapped ? [step(userNamespace.by, 'map-tree', { slot, path: mount.source })] : [];
  return [clone, ...map];
}

export function bindMount(plan: LaunchPlan, request: BindRequest): readonly Step[] {
  const { by, mount, slot } = request;
  const attributes = mountAttributeBits(mount.attributes);
  const recursive = mount.recursive ? 1 : 0;
  const set = attributes === 0 ? [] : [step(by, 'set-mount-attributes', { slot, attributes, recursive })];
  return [...cloneSteps(plan, request), ...set];
}

/** Of a recursive bind some attributes may be for its top alone. */
function attributeSteps(by: string, mount: BindMount | ImageMount | SharedMount, slot: number): readonly Step[] {
  const recursive = mount.kind === 'bind' && mount.recursive ? 1 : 0;
  const set = (names: readonly MountAttribute[], deep: 0 | 1): readonly Step[] => {
    const attributes = mountAttributeBits(names);
    return attributes === 0 ? [] : [step(by, 'set-mount-attributes', { slot, attributes, recursive: deep })];
  };
  const top = mount.kind === 'bind' ? (mount.topAttributes ?? []) : [];
  return [...set(earlyAttributes(mount), recursive), ...set(top, 0)];
}

function contentSteps(by: string, item: MountContent, slot: number, secrets: SecretValues): readonly Step[] {
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
    case 'secret': {
      const { path, mode, uid, gid } = item;
      return [step(by, 'write-in', { slot, path, mode, uid, gid, content: secretValue(secrets, item.secret, by) })];
    }
  }
}

function createOf(mount: Mount): 0 | 1 | 2 | 3 {
  if (mount.subpath !== undefined) return AS_TREE;
  return mount.kind === 'bind' ? CREATE[mount.create] : CREATE.directory;
}
