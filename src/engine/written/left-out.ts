import { posix } from 'node:path';
import type { TreeChanges } from '../../linux/tree-copy.ts';
import type { LaunchPlan } from '../../model/launch-plan.ts';
import type { Volume } from '../../model/volume.ts';

/** What every container has mounted, should nothing be known of its plan any more. */
const USUAL: readonly string[] = ['/proc', '/sys', '/dev', '/etc/resolv.conf', '/etc/hosts', '/etc/hostname'];
const S_IFMT = 0o170_000;
const S_IFLNK = 0o120_000;
/** As the kernel (path_resolution(7)). */
const MAX_LINKS = 40;

/** Paths at which something was mounted in a container, as its plan and its volumes have them. Pure. */
export function mountedPaths(
  plan: Pick<LaunchPlan, 'mounts'> | undefined,
  volumes: readonly Volume[],
): readonly string[] {
  const targets = (plan?.mounts ?? []).map(({ mount }) => mount.target);
  const all = new Set([...USUAL, ...targets, ...volumes.map(({ containerPath }) => containerPath)]);
  const resolved = [...all].map((path) => posix.resolve('/', path)).filter((path) => path !== '/');
  // What is below another one goes with it.
  return resolved.filter((path) => !resolved.some((other) => path.startsWith(`${other}/`))).sort();
}

/**
 * Where these paths really are: the engine mounts where the symlinks of the image lead. A link that leads to nothing is
 * followed, too, for what it leads to was made then.
 */
export async function withoutLinks(
  layers: Pick<TreeChanges, 'lookAt'>,
  paths: readonly string[],
): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const path of paths) found.add(await withoutLink(layers, path));
  return [...found].filter((path) => path !== '/');
}

async function withoutLink(layers: Pick<TreeChanges, 'lookAt'>, path: string): Promise<string> {
  let rest = path.split('/').filter((name) => name !== '');
  let at = '/';
  for (let links = 0; rest.length > 0; ) {
    const [name = '', ...others] = rest;
    if (name === '..' || name === '.') {
      [at, rest] = [posix.resolve(at, name), others];
      continue;
    }
    const next = posix.join(at, name);
    const link = await linkAt(layers, next);
    if (link === undefined) {
      [at, rest] = [next, others];
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return posix.join(next, ...others);
    if (link.startsWith('/')) at = '/';
    rest = [...link.split('/').filter((part) => part !== ''), ...others];
  }
  return at;
}

async function linkAt(layers: Pick<TreeChanges, 'lookAt'>, path: string): Promise<string | undefined> {
  try {
    const { mode, linkTarget } = await layers.lookAt(path, false);
    return (mode & S_IFMT) === S_IFLNK ? linkTarget : undefined;
  } catch (error) {
    const { errno } = (error as { readonly details?: { readonly errno?: string } }).details ?? {};
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    throw error;
  }
}
