import type { BackendChoice } from '../../model/backend.ts';
import { EngineError } from '../../model/error.ts';
import { shellExitCode, type Termination } from '../../model/exit-status.ts';
import type { AgentClient } from './agent-client.ts';
import { containerPath } from './container-commands.ts';
import { type CliContext, type GlobalOptions, type HostCheck, printLine } from './context.ts';

/** A container that can run only where the host has the feature. */
interface Probe {
  readonly what: string;
  readonly request: Readonly<Record<string, unknown>>;
  readonly remedy: string;
  readonly extra?: true;
  /** What is told of one that works, in place of just that. */
  readonly found?: (status: ProbedStatus) => string;
}

interface ProbedStatus {
  readonly uid: string;
  readonly backend?: BackendChoice | null;
}

const HELLO = { kind: 'image', reference: 'hello' } as const;
/** A record that cannot be read. */
interface DamagedJson {
  readonly file: string;
  readonly reason: string;
}

const WAIT_MS = 20_000;
const MOST_TOLD = 20;

/** Each isolator alone with those that it requires, then an image on an overlay. */
const PROBES: readonly Probe[] = [
  isolated('a process of its own', [], 'see helper.log in the state directory'),
  isolated('mount namespace, pivot_root', ['filesystem/linux'], 'allow mount namespaces to root; kernel 5.10 or later'),
  isolated('pid namespace', ['filesystem/linux', 'namespaces/pid'], 'a kernel with CONFIG_PID_NS'),
  isolated(
    'ipc namespace',
    ['filesystem/linux', 'namespaces/ipc'],
    'a kernel with CONFIG_IPC_NS and CONFIG_POSIX_MQUEUE',
  ),
  isolated('uts namespace', ['namespaces/uts'], 'a kernel with CONFIG_UTS_NS'),
  isolated('cgroup namespace', ['filesystem/linux', 'namespaces/cgroup'], 'a kernel with CONFIG_CGROUPS, 4.6 or later'),
  isolated('network namespace', ['network/none'], 'a kernel with CONFIG_NET_NS'),
  limited('memory limit', 'cgroups/memory', { memoryLimitBytes: 64 << 20 }),
  limited('cpu limit', 'cgroups/cpu', { cpuMillis: 500 }),
  limited('pids limit', 'cgroups/pids', { pidsLimit: 100 }),
  isolated('capabilities dropped', ['linux/capabilities'], 'run as root with the capabilities to hand out'),
  {
    what: 'overlay, an image and all isolators',
    request: { rootfs: HELLO, backend: 'overlay' },
    remedy:
      'load the overlay module, and keep the root directory on a file system that overlay takes as upper (ext4, xfs, btrfs)',
  },
  {
    what: 'backend copy, for where overlay is not',
    request: { rootfs: HELLO, backend: 'copy' },
    remedy: 'keep the root directory on a file system that keeps owners and attributes (ext4, xfs, btrfs)',
  },
  {
    what: 'backend erofs, layers as sealed images',
    request: { rootfs: HELLO, backend: 'erofs' },
    remedy: 'apt-get install erofs-utils, and a kernel with CONFIG_EROFS_FS',
    extra: true,
  },
  {
    what: 'images become root file systems',
    request: { rootfs: HELLO },
    remedy: 'see helper.log in the state directory',
    found: ({ backend }) => (backend ? `by backend ${backend.name}: ${backend.because}` : 'works'),
  },
];

/** What an agent of another user than root can do, by the launcher `posix`: each alone, then all of it. */
const POSIX_PROBES: readonly Probe[] = [
  isolated('a process that is looked after', [], 'see helper.log in the state directory'),
  extended('memory limit, by polling', ['posix/memory'], { resources: { memoryLimitBytes: 64 << 20 } }),
  extended('disk limit, by counting', ['posix/disk'], { diskLimitBytes: 8 << 20 }),
  extended('resource limits', ['posix/rlimits'], { process: { rlimits: { nofile: { soft: 64, hard: 64 } } } }),
  isolated('no_new_privs', ['linux/nnp'], 'a kernel of version 3.5 or later'),
  isolated('system calls filtered', ['linux/nnp', 'linux/seccomp'], 'a kernel with CONFIG_SECCOMP_FILTER'),
  {
    what: 'all of it together',
    request: { rootfs: { kind: 'none' }, command: ['/bin/true'] },
    remedy: 'see helper.log in the state directory',
  },
];

/** `isopod doctor`: tries each feature of the host for real, for another user than root those that he has. @returns 1 when something is missing */
export async function doctorCommand(
  context: CliContext,
  client: AgentClient,
  options: { readonly global: GlobalOptions; readonly json: boolean },
): Promise<number> {
  const checks: HostCheck[] = [];
  const note = (check: HostCheck): void => {
    checks.push(check);
    if (!options.json) printLine(context, checkText(check));
  };
  for (const check of await context.hostChecks(options.global)) note(check);
  const isRoot = !checks.some(({ forRoot }) => forRoot === true);
  if (checks.every(isWell)) {
    for (const probe of isRoot ? PROBES : POSIX_PROBES) note(await tryProbe(client, probe));
    for (const { what } of isRoot ? [] : PROBES.slice(1)) note(notTried(what));
    note(await checkRecords(client));
  } else if (!options.json) {
    printLine(context, 'no container was tried: what is missing above comes first');
  }
  if (options.json) printLine(context, JSON.stringify(checks, undefined, 2));
  return checks.every(isWell) ? 0 : 1;
}

/** What the agent could not read when it found the containers of the one before. */
async function checkRecords(client: AgentClient): Promise<HostCheck> {
  const what = 'records of containers';
  const damaged = await client.call<readonly DamagedJson[]>('GET', '/v1/debug/damaged-records');
  if (damaged.length === 0) return { what, ok: true, found: 'all can be read' };
  const told = damaged.slice(0, MOST_TOLD).map(({ file, reason }) => `${file} (${reason})`);
  const rest = damaged.length - told.length;
  const found = `${damaged.length} cannot be read: ${told.join(', ')}${rest > 0 ? `, and ${rest} more` : ''}`;
  const remedy =
    'see the disk, and docs/crashes.md for what has become of their containers; told until the agent starts anew';
  return { what, ok: false, found, remedy };
}

function isWell({ ok, forRoot, extra }: HostCheck): boolean {
  return ok || forRoot === true || extra === true;
}

/** What root would add. */
function notTried(what: string): HostCheck {
  const remedy = 'run the agent as root, for example with sudo';
  return { what, ok: false, found: 'needs an agent that root runs; not tried', remedy, forRoot: true };
}

function checkText({ what, ok, found, remedy, forRoot, extra }: HostCheck): string {
  const mark = ok ? 'ok     ' : forRoot === true ? 'root   ' : extra === true ? 'without' : 'MISSING';
  const line = `${mark} ${what}: ${found}`;
  return ok || forRoot === true || remedy === undefined ? line : `${line}\n        ${remedy}`;
}

async function tryProbe(client: AgentClient, probe: Probe): Promise<HostCheck> {
  const check = await tried(client, probe);
  return probe.extra === true && !check.ok ? { ...check, extra: true } : check;
}

async function tried(client: AgentClient, { what, request, remedy, found = () => 'works' }: Probe): Promise<HostCheck> {
  try {
    const launched = await client.call<{ readonly status: ProbedStatus }>('POST', '/v1/containers', request);
    const { uid } = launched.status;
    try {
      const path = `${containerPath(uid)}/wait?timeoutMs=${WAIT_MS}`;
      const { termination } = await client.call<{ readonly termination: Termination | null }>('GET', path);
      if (termination === null) return { what, ok: false, found: `the probe did not end within ${WAIT_MS} ms`, remedy };
      const code = shellExitCode(termination.exitStatus);
      return {
        what,
        ok: code === 0,
        found: code === 0 ? found(launched.status) : `the probe ended with ${code}`,
        remedy,
      };
    } finally {
      await client.call('DELETE', `${containerPath(uid)}?force=true`);
    }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { what, ok: false, found: error.message, remedy: error.remedy ?? remedy };
  }
}

function isolated(what: string, isolation: readonly string[], remedy: string): Probe {
  return { what, request: { rootfs: { kind: 'none' }, command: ['/bin/true'], isolation }, remedy };
}

function extended(what: string, isolation: readonly string[], more: Readonly<Record<string, unknown>>): Probe {
  const probe = isolated(what, isolation, 'see helper.log in the state directory');
  return { ...probe, request: { ...probe.request, ...more } };
}

function limited(what: string, isolator: string, resources: Readonly<Record<string, number>>): Probe {
  const probe = isolated(
    what,
    [isolator],
    `mount the ${isolator.replace('cgroups/', '')} controller (cgroup v1 or v2)`,
  );
  return { ...probe, request: { ...probe.request, resources } };
}
