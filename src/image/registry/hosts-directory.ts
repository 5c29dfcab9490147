import type { Files } from '../../base/effects.ts';
import { systemErrorCode } from '../../model/error.ts';
import {
  defaultHosts,
  type HostSettings,
  hostSettingsErrors,
  parseHostsFile,
  type TlsSettings,
} from './host-settings.ts';

/** What this machine was told of a registry. */
export interface RegistryHosts {
  /** In the order in which they are asked. */
  readonly hosts: readonly HostSettings[];
  /** The `hosts.toml` that says so; `undefined` where none does. */
  readonly path: string | undefined;
}

/**
 * The hosts of a registry, from a directory as containerd has it: `<directory>/<registry>/hosts.toml`, else
 * `<directory>/_default/hosts.toml`. A folder without that file may hold certificates, as Docker's do: `*.crt` are authorities,
 * `*.cert` with its `*.key` is ours. Read at each use, so that a change counts from the next pull on.
 *
 * @throws {EngineError} `registry-hosts.malformed`, `registry-hosts.unreadable`
 */
export async function readHosts(files: Files, directory: string | undefined, registry: string): Promise<RegistryHosts> {
  const untold = { hosts: defaultHosts(registry), path: undefined };
  if (directory === undefined) return untold;
  for (const name of folderNames(registry)) {
    const folder = `${directory}/${name}`;
    const path = `${folder}/hosts.toml`;
    const text = await orAbsent(path, () => files.readText(path));
    if (text !== undefined) return { hosts: parseHostsFile(text, { path, directory: folder, registry }), path };
    const names = await orAbsent(folder, () => files.list(folder));
    if (names !== undefined) return { hosts: defaultHosts(registry, certificatesIn(folder, names)), path: undefined };
  }
  return untold;
}

/** A colon is no part of a folder's name everywhere, so `host_5000_` stands for `host:5000` as well. */
function folderNames(registry: string): readonly string[] {
  const match = /^(.*):(\d+)$/.exec(registry);
  return [registry, ...(match === null ? [] : [`${match[1]}_${match[2]}_`]), '_default'];
}

function certificatesIn(folder: string, names: readonly string[]): TlsSettings {
  const sorted = [...names].sort();
  return {
    place: folder,
    authorityPaths: sorted.filter((name) => name.endsWith('.crt')).map((name) => `${folder}/${name}`),
    clientPaths: sorted
      .filter((name) => name.endsWith('.cert'))
      .map((name) => ({ certificate: `${folder}/${name}`, key: `${folder}/${name.replace(/\.cert$/, '.key')}` })),
    isVerified: true,
  };
}

async function orAbsent<Value>(path: string, read: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await read();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === undefined) throw error;
    throw hostSettingsErrors.unreadable({ path, reason: code }, error);
  }
}
