import type { Files } from '../../base/effects.ts';
import type { ContainerStatus } from '../../engine/facade.ts';
import { capabilityNames, effectiveAfterExec } from '../../linux/capabilities.ts';
import { type LaunchPlan, NAMESPACE_KINDS, type NamespaceKind, type RootfsRecipe } from '../../model/launch-plan.ts';

/** One aspect of a container: what its plan asked for beside what the kernel says. */
export interface Observation {
  readonly what: string;
  /** The isolator that asked, or `engine`. */
  readonly by: string;
  readonly asked: string;
  readonly is: string;
  readonly agrees: boolean;
}

const PROC_NAME: Readonly<Record<NamespaceKind, string>> = {
  mount: 'mnt',
  pid: 'pid',
  ipc: 'ipc',
  uts: 'uts',
  net: 'net',
  cgroup: 'cgroup',
  user: 'user',
  time: 'time',
};
/** `Seccomp` of /proc/PID/status (proc_pid_status(5)). */
const SECCOMP_MODE: Readonly<Record<string, string>> = { '0': 'unconfined', '1': 'strict', '2': 'filtered' };
const PAGE_BYTES = 4096;

/**
 * Reads from procfs and cgroupfs what a container's init really has, beside the plan that it was launched with: the
 * image or a volume may have changed its name since.
 *
 * @returns nothing but the state for a container without a process
 */
export async function observeContainer(
  files: Files,
  status: ContainerStatus,
  loadPlan: () => Promise<LaunchPlan>,
): Promise<{ readonly uid: string; readonly state: string; readonly observations: readonly Observation[] }> {
  const { uid, state, pid } = status;
  if (pid === undefined) return { uid, state, observations: [] };
  const observer = new Observer(files, pid, await loadPlan());
  const observations = [
    ...(await observer.namespaces()),
    ...(await observer.groups()),
    ...(await observer.knobs()),
    ...(await observer.credentials()),
    ...(await observer.mounts()),
  ];
  return { uid, state, observations };
}

class Observer {
  readonly #files: Files;
  readonly #proc: string;
  readonly #plan: LaunchPlan;

  constructor(files: Files, pid: number, plan: LaunchPlan) {
    this.#files = files;
    this.#proc = `/proc/${pid}`;
    this.#plan = plan;
  }

  async namespaces(): Promise<readonly Observation[]> {
    const observed: Observation[] = [];
    for (const kind of NAMESPACE_KINDS) {
      const own = this.#plan.namespaces.find((namespace) => namespace.kind === kind);
      const join = this.#plan.joins?.find((joined) => joined.kind === kind);
      const entry = own ?? join;
      const theirs = await readable(this.#files.readLink(`${this.#proc}/ns/${PROC_NAME[kind]}`));
      const ours = await readable(this.#files.readLink(`/proc/self/ns/${PROC_NAME[kind]}`));
      const isOwn = theirs !== ours;
      const asked = own !== undefined ? 'own' : join === undefined ? "the host's" : `that of ${join.of.container}`;
      const is = isOwn ? `not the host's, ${theirs}` : `the host's, ${theirs}`;
      observed.push(
        observation(`namespace ${kind}`, entry?.by, { asked, is, agrees: isOwn === (entry !== undefined) }),
      );
    }
    return observed;
  }

  async groups(): Promise<readonly Observation[]> {
    const lines = (await readable(this.#files.readText(`${this.#proc}/cgroup`))).split('\n');
    const paths = lines.map((line) => line.split(':').slice(2).join(':')).filter((path) => path.length > 1);
    return this.#plan.cgroupJoins.map(({ path, by }) => {
      const is = paths.find((found) => path.endsWith(found));
      return observation('cgroup', by, { asked: path, is: is ?? 'not in it', agrees: is !== undefined });
    });
  }

  async knobs(): Promise<readonly Observation[]> {
    const observed: Observation[] = [];
    for (const group of this.#plan.cgroups) {
      for (const { file, value, entry, by } of group.knobs) {
        const text = (await readable(this.#files.readText(`${group.path}/${file}`))).trim();
        const is = entry === undefined ? settingOf(text) : lineOf(text, entry);
        observed.push(observation(file, by, { asked: value, is, agrees: sameLimit(value.trim(), is) }));
      }
    }
    return observed;
  }

  async credentials(): Promise<readonly Observation[]> {
    const text = await readable(this.#files.readText(`${this.#proc}/status`));
    const fields = new Map(text.split('\n').map((line) => splitOnce(line, ':')));
    const { capabilities, noNewPrivileges, credentials } = this.#plan;
    const observed: Observation[] = [];
    const user = credentials.user;
    const asked = user.group === undefined ? user.user : `${user.user}:${user.group}`;
    const is = `${this.#inside('uids', fields.get('Uid'))}:${this.#inside('gids', fields.get('Gid'))}`;
    // A name is looked up inside the rootfs, where we do not look.
    const agrees = !/^\d+(:\d+)?$/.test(asked) || asked === (asked.includes(':') ? is : is.split(':')[0]);
    observed.push(observation('user', credentials.by, { asked, is, agrees }));
    if (capabilities !== undefined) {
      const effective = effectiveAfterExec(this.#plan, is.startsWith('0:'));
      observed.push(
        capabilityObservation('effective', capabilities.by, { wanted: effective, mask: fields.get('CapEff') }),
      );
      const { bounding } = capabilities;
      observed.push(
        capabilityObservation('bounding', capabilities.by, { wanted: bounding, mask: fields.get('CapBnd') }),
      );
    }
    const flag = fields.get('NoNewPrivs') ?? 'unknown';
    const wanted = noNewPrivileges === undefined ? '0' : '1';
    observed.push(
      observation('no new privileges', noNewPrivileges?.by, { asked: wanted, is: flag, agrees: flag === wanted }),
    );
    const { seccomp } = this.#plan;
    const mode = SECCOMP_MODE[fields.get('Seccomp') ?? ''] ?? 'unknown';
    const filtered = seccomp === undefined ? 'unconfined' : 'filtered';
    observed.push(observation('system calls', seccomp?.by, { asked: filtered, is: mode, agrees: filtered === mode }));
    return observed;
  }

  /** An id as the container has it: the host's number, unless a map says otherwise. */
  #inside(map: 'uids' | 'gids', field: string | undefined): string {
    const seen = field?.split(/\s+/)[1] ?? 'unknown';
    const { userNamespace } = this.#plan;
    if (userNamespace === undefined) return seen;
    const range = userNamespace[map].find(({ host, count }) => Number(seen) >= host && Number(seen) - host < count);
    return range === undefined ? `${seen} of the host` : `${range.container + Number(seen) - range.host}`;
  }

  async mounts(): Promise<readonly Observation[]> {
    const text = await readable(this.#files.readText(`${this.#proc}/mountinfo`));
    const typeByTarget = new Map(text.split('\n').map(mountOf));
    const { rootfs } = this.#plan;
    const observed: Observation[] = [];
    if (rootfs !== undefined) {
      const is = typeByTarget.get('/') ?? 'none';
      const asked = rootfs.recipe.kind;
      observed.push(observation('rootfs', rootfs.by, { asked, is, agrees: !isStacked(asked) || is === 'overlay' }));
    }
    for (const { mount, by } of this.#plan.mounts) {
      const asked = askedOf(mount);
      const is = typeByTarget.get(mount.target) ?? 'nothing mounted';
      const agrees = mount.kind === 'new' ? is === mount.type : typeByTarget.has(mount.target);
      observed.push(observation(`mount ${mount.target}`, by, { asked, is, agrees }));
    }
    return observed;
  }
}

function askedOf(mount: LaunchPlan['mounts'][number]['mount']): string {
  if (mount.kind === 'image') return `image ${mount.reference}`;
  return mount.kind === 'new' ? mount.type : `bind of ${mount.source}`;
}

function observation(
  what: string,
  by: string | undefined,
  rest: { readonly asked: string; readonly is: string; readonly agrees: boolean },
): Observation {
  return { what, by: by ?? 'engine', ...rest };
}

/** @param sets.mask as /proc/PID/status has it, hexadecimal */
function capabilityObservation(
  set: string,
  by: string,
  sets: { readonly wanted: readonly string[]; readonly mask: string | undefined },
): Observation {
  const bare = (names: readonly string[]): string =>
    names
      .map((name) => name.replace(/^CAP_/, ''))
      .sort()
      .join(' ') || 'none';
  const asked = bare(sets.wanted);
  const is = bare(capabilityNames(BigInt(`0x${sets.mask ?? '0'}`)));
  return observation(`capabilities, ${set}`, by, { asked, is, agrees: asked === is });
}

/** A file of procfs that we may not read, or whose process has just ended, is told as such. */
async function readable(reading: Promise<string>): Promise<string> {
  try {
    return await reading;
  } catch (error) {
    return `unreadable: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The line of one device, page size or interface. */
function lineOf(text: string, entry: string): string {
  return text.split('\n').find((line) => line.startsWith(`${entry} `)) ?? 'no line for it';
}

/**
 * Files that show more than what is written to them: weights of v2 (`default 100`, with a line for each device that
 * differs) and memory.oom_control. v1 shows "no bound" as a number beyond any memory.
 */
function settingOf(text: string): string {
  const setting = /^(?:default|oom_kill_disable) (\d+)$/m.exec(text)?.[1] ?? text;
  return /^\d+$/.test(setting) && Number(setting) >= 2 ** 60 ? '-1' : setting;
}

/** The kernel rounds byte limits to pages, and shows in a line also what was not asked for. */
function sameLimit(asked: string, is: string): boolean {
  if (asked === is) return true;
  const shown = is.split(' ');
  if (asked.includes(' ') && asked.split(' ').every((word) => shown.includes(word))) return true;
  return /^\d+$/.test(asked) && /^\d+$/.test(is) && Math.abs(Number(asked) - Number(is)) < PAGE_BYTES;
}

function splitOnce(line: string, separator: string): readonly [string, string] {
  const at = line.indexOf(separator);
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1).trim()];
}

/** Target and type of a line of mountinfo (proc_pid_mountinfo(5)); the target's octal escapes are undone. */
function mountOf(line: string): readonly [string, string] {
  const [before = '', after = ''] = line.split(' - ');
  const target = (before.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return [target, after.split(' ')[0] ?? ''];
}

/** Whether layers are below an overlay; else they are shown by a mount of the file system that they are on. */
function isStacked(kind: RootfsRecipe['kind']): boolean {
  return kind === 'overlay' || kind === 'erofs';
}
