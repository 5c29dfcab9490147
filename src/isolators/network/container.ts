import { join } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { systemErrorCode } from '../../model/error.ts';
import type { BindMount } from '../../model/launch-plan.ts';
import type { Isolator, PlanInput, PreparedFacts, UndoLog } from '../isolator.ts';
import { joinedContainer } from '../namespaces/joined.ts';
import { isVolumeTarget } from '../volume/volume-target.ts';

/** The host name is the container's own. */
const FILES = ['resolv.conf', 'hosts'] as const;

/**
 * Isolator `network/container`: the network of a running container, with copies of the files by which that one resolves
 * names. It stays when that container ends, with what was configured in it.
 */
export function networkContainer({ files }: { readonly files: Files }): Isolator {
  return {
    name: 'network/container',
    requires: [],
    excludes: ['network/none', 'network/host'],
    appliesTo: ({ network }) => network === 'container',
    prepare: (input, undo) => copyFiles(files, input, undo),
    plan(input) {
      const of = joinedContainer(input, input.config.namespaces?.networkOf ?? '');
      const mounts = FILES.flatMap((name) => bind(input, name));
      // Who has the host's network shares that, and there is nothing to enter.
      return of.namespaces.includes('net') ? { joins: [{ kind: 'net', of: of.init }], mounts } : { mounts };
    },
  };
}

async function copyFiles(files: Files, input: PlanInput, undo: UndoLog): Promise<PreparedFacts> {
  const { networkOf } = input.config.namespaces ?? {};
  const found: Record<string, string> = {};
  if (networkOf === undefined || input.rootfs === undefined) return found;
  const { runtimeDir } = joinedContainer(input, networkOf);
  for (const name of FILES.filter((wanted) => !isVolumeTarget(input.config, `/etc/${wanted}`))) {
    const content = await readIfThere(files, join(runtimeDir, name));
    if (content === undefined) continue;
    const path = join(input.runtimeDir, name);
    await files.makeDirectory(input.runtimeDir, { parents: true });
    undo.push(`file ${path}`, () => files.removeFile(path));
    await files.writeAtomic(path, content, { mode: 0o644 });
    found[name] = path;
  }
  return found;
}

function bind({ prepared, userNamespace }: PlanInput, name: string): readonly BindMount[] {
  const source = prepared?.[name];
  if (source === undefined) return [];
  const attributes = ['nosuid', 'nodev', 'noexec'] as const;
  const bound = { kind: 'bind', source, target: `/etc/${name}`, attributes, recursive: false, create: 'file' } as const;
  // Where files cannot be shown under other owners, these are still there to be read.
  return [userNamespace?.files === 'shifted' ? { ...bound, keepOwners: true } : bound];
}

async function readIfThere(files: Files, path: string): Promise<string | undefined> {
  try {
    return await files.readText(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
