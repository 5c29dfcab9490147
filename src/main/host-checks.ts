import { release } from 'node:os';
import { outputOf } from '../base/effects/detached-program.ts';
import type { Effects, Files } from '../base/effects.ts';
import type { HostCheck } from '../faces/cli/context.ts';
import { trackingHierarchy } from '../launcher/placement.ts';
import { readCgroupHierarchies } from '../linux/cgroup-mounts.ts';
import { EngineError } from '../model/error.ts';
import { PROTOCOL_VERSION } from '../model/wire.ts';
import { missingOfSystemd } from './cgroup-driver.ts';
import type { Layout } from './layout.ts';
import { checkNamespaces } from './namespaces.ts';

const LEAST_KERNEL = [5, 10] as const;

/** What can be found out about this host before any container is tried. */
export async function checkHost(effects: Effects, layout: Layout): Promise<readonly HostCheck[]> {
  const { files } = effects;
  return [
    ofRoot(checkUser()),
    checkKernel(release()),
    await checkHelper(layout),
    await attempt('namespaces of this process', 'start the agent outside of a container', async () => {
      const unknown = await checkNamespaces(files);
      return unknown.length === 0 ? "process 1's" : `process 1 does not show its own (${unknown.join(', ')})`;
    }),
    ofRoot(
      await attempt('cgroups', 'mount cgroup v2, or the v1 freezer', async () => {
        const hierarchies = await readCgroupHierarchies(files);
        const tracking = trackingHierarchy(hierarchies);
        const names = hierarchies.map(({ version, controllers }) => `v${version}(${controllers.join(',')})`);
        return `${names.join(' ')}; containers are tracked in v${tracking.version} at ${tracking.mountPoint}`;
      }),
    ),
    ofRoot(await cgroupDrivers(files)),
    ofRoot(await attempt('overlay file system', 'load the module: modprobe overlay', () => findOverlay(files))),
  ];
}

/** Of no use to the plain processes of another user, whose agent has the launcher `posix`. */
function ofRoot(check: HostCheck): HostCheck {
  return process.getuid?.() === 0 ? check : { ...check, forRoot: true };
}

function checkUser(): HostCheck {
  const uid = process.getuid?.() ?? 0;
  return { what: 'root', ok: uid === 0, found: `user ${uid}`, remedy: 'run as root, for example with sudo' };
}

/** @param text as uname(2) tells the release, `6.18.5-foo` */
function checkKernel(text: string): HostCheck {
  const [major = 0, minor = 0] = text.split(/[.-]/).map(Number);
  const ok = major > LEAST_KERNEL[0] || (major === LEAST_KERNEL[0] && minor >= LEAST_KERNEL[1]);
  return { what: 'kernel', ok, found: text, remedy: `${LEAST_KERNEL.join('.')} or later is needed` };
}

async function checkHelper({ helper }: Layout): Promise<HostCheck> {
  const check = { what: 'helper', remedy: 'build it: npm run build' };
  try {
    const version = (await outputOf(helper, ['version'], 5_000)).trim();
    return {
      ...check,
      ok: version === `${PROTOCOL_VERSION}`,
      found: `protocol ${version}, ours is ${PROTOCOL_VERSION}`,
    };
  } catch (error) {
    return { ...check, ok: false, found: error instanceof Error ? error.message : String(error) };
  }
}

/** The driver `cgroupfs` is possible wherever there are groups at all. */
async function cgroupDrivers(files: Files): Promise<HostCheck> {
  const missing = await missingOfSystemd(files);
  const systemd = missing.length === 0 ? ', systemd' : `; systemd is not: there is no ${missing.join(', no ')}`;
  return { what: 'cgroup drivers', ok: true, found: `possible are cgroupfs${systemd}` };
}

async function findOverlay(files: Files): Promise<string> {
  const known = (await files.readText('/proc/filesystems')).split('\n').some((line) => line.trim().endsWith('overlay'));
  // A module that is not loaded yet is loaded by the first mount; the probe with an image tells.
  return known ? 'the kernel knows it' : 'not loaded yet';
}

async function attempt(what: string, remedy: string, look: () => Promise<string>): Promise<HostCheck> {
  try {
    return { what, ok: true, found: await look() };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { what, ok: false, found: error.message, remedy: error.remedy ?? remedy };
  }
}
