import { join } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { readOrEmpty } from '../../linux/missing-files.ts';
import { systemErrorCode } from '../../model/error.ts';
import type { BindMount } from '../../model/launch-plan.ts';
import type { Isolator, PlanInput, PreparedFacts, UndoLog } from '../isolator.ts';
import { isVolumeTarget } from '../volume/volume-target.ts';

const FILES = ['resolv.conf', 'hosts', 'hostname'] as const;

/**
 * Isolator `network/host`: the host's network. A container with a rootfs gets copies of the host's resolv.conf and
 * hosts, and a hostname file, each unless a volume of the caller is there.
 */
export function networkHost({ files }: { readonly files: Files }): Isolator {
  return {
    name: 'network/host',
    requires: [],
    excludes: ['network/none', 'network/container'],
    appliesTo: ({ network }) => network === 'host',
    prepare: (input, undo) => writeFiles(files, input, undo),
    plan(input) {
      return { mounts: input.rootfs === undefined ? [] : shownFiles(input).map((name) => bind(input, name)) };
    },
  };
}

async function writeFiles(files: Files, input: PlanInput, undo: UndoLog): Promise<PreparedFacts> {
  if (input.rootfs === undefined) return {};
  await files.makeDirectory(input.runtimeDir, { parents: true });
  await Promise.all(
    shownFiles(input).map(async (name) => {
      const path = join(input.runtimeDir, name);
      const content = await contentOf(files, input, name);
      undo.push(`file ${path}`, () => removeIfThere(files, path));
      await files.writeAtomic(path, content, { mode: 0o644 });
    }),
  );
  return {};
}

async function contentOf(files: Files, input: PlanInput, name: (typeof FILES)[number]): Promise<string> {
  const hostname = hostnameOf(input);
  // A host without the file resolves by its defaults (resolv.conf(5), hosts(5)), and so does the container.
  switch (name) {
    case 'resolv.conf':
      return readOrEmpty(files, '/etc/resolv.conf');
    case 'hostname':
      return `${hostname}\n`;
    case 'hosts': {
      const hosts = await readOrEmpty(files, '/etc/hosts');
      // With a host name of its own the container must find itself, or sudo and many servers wait for a resolver.
      return hostname === input.host.hostname ? hosts : `${withNewline(hosts)}127.0.1.1\t${hostname}\n`;
    }
  }
}

function hostnameOf({ uid, config, isolators, host }: PlanInput): string {
  return isolators.includes('namespaces/uts') ? (config.hostname ?? uid) : host.hostname;
}

function shownFiles({ config }: PlanInput): readonly (typeof FILES)[number][] {
  return FILES.filter((name) => !isVolumeTarget(config, `/etc/${name}`));
}

function bind({ runtimeDir, userNamespace }: PlanInput, name: string): BindMount {
  const attributes = ['nosuid', 'nodev', 'noexec'] as const;
  const source = join(runtimeDir, name);
  const bound = { kind: 'bind', source, target: `/etc/${name}`, attributes, recursive: false, create: 'file' } as const;
  // Where files cannot be shown under other owners, these are still there to be read.
  return userNamespace?.files === 'shifted' ? { ...bound, keepOwners: true } : bound;
}

function withNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

async function removeIfThere(files: Files, path: string): Promise<void> {
  try {
    await files.removeFile(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
