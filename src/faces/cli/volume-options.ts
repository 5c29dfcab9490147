import { resolve } from 'node:path';
import { present } from '../../model/container-request.ts';
import type { VolumeRequest, VolumesFrom } from '../../model/volume.ts';
import { cliErrors } from './errors.ts';
import { parseBytes, parseCount } from './values.ts';
import { parseIdMap, parseMode } from './volume-fields.ts';
import { propagationNamed } from './volume-mount.ts';

/** What the words behind the last colon of `-v` say; those not listed are no options of a volume. */
const WORDS: Readonly<Record<string, object>> = {
  ro: { readOnly: true },
  rw: { readOnly: false },
  rro: { readOnly: true, recursion: 'readonly' },
  rbind: { recursion: 'enabled' },
  bind: { recursion: 'disabled' },
  nocopy: { noCopy: true },
  U: { chown: true },
  noexec: { noexec: true },
  exec: { noexec: false },
  nosuid: { nosuid: true },
  suid: { nosuid: false },
  // A volume grants no device, with and without the word.
  nodev: {},
};

const ONLY_HOST = new Set(['rro', 'rbind', 'bind', 'rprivate', 'rslave', 'rshared']);
const ONLY_NAMED = new Set(['nocopy']);

/**
 * `-v HOST:CONTAINER[:opts]`, `NAME:CONTAINER[:opts]` or `CONTAINER`; a host path that begins with a dot is taken from
 * `cwd`.
 *
 * @throws {EngineError} `cli.badValue`, `cli.mountField`
 */
export function parseVolume(value: string, cwd: string): VolumeRequest {
  const [first = '', second, options = '', ...more] = value.split(':');
  const containerPath = second ?? first;
  const isPath = /^(\/|\.\.?(\/|$))/.test(first);
  const isName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(first);
  const isAnonymous = second === undefined;
  if (!containerPath.startsWith('/') || more.length > 0 || (!isPath && !isName)) {
    const wanted =
      'HOST:CONTAINER[:options], NAME:CONTAINER[:options] or CONTAINER: a host path begins with / or ., a container path with /';
    throw cliErrors.badValue({ option: '--volume', value, wanted });
  }
  const kind = isAnonymous || isName ? 'named' : 'host-path';
  const source = isAnonymous
    ? {}
    : kind === 'named'
      ? { name: first }
      : { kind: 'host-path', hostPath: resolve(cwd, first) };
  const said: Record<string, unknown> = { kind, containerPath, readOnly: false, ...source };
  for (const word of options.split(',').filter((part) => part !== '')) Object.assign(said, wordOf(kind, word));
  return present(said) as unknown as VolumeRequest;
}

function wordOf(kind: 'named' | 'host-path', word: string): object {
  const idMap = /^idmap=(.*)$/s.exec(word)?.[1];
  if (idMap !== undefined) return { idMap: parseIdMap('--volume idmap', idMap) };
  const propagation = propagationNamed(word);
  const said = propagation === undefined ? WORDS[word] : { propagation };
  const type = kind === 'named' ? 'volume' : 'bind';
  const isOfOther = (kind === 'named' ? ONLY_HOST : ONLY_NAMED).has(word);
  if (said === undefined || isOfOther) throw cliErrors.mountField({ field: word, type });
  return said;
}

/** Words of `--tmpfs`; size, mode, uid and gid have values. */
const TMPFS_WORDS: Readonly<Record<string, object>> = {
  ro: { readOnly: true },
  rw: { readOnly: false },
  exec: { exec: true },
  noexec: { exec: false },
  suid: { suid: true },
  nosuid: { suid: false },
  dev: { dev: true },
  nodev: { dev: false },
};

const TMPFS_VALUES: Readonly<Record<string, (value: string) => object>> = {
  size: (value) => ({ sizeBytes: parseBytes('--tmpfs size', value) }),
  mode: (value) => ({ mode: parseMode('--tmpfs mode', value) }),
  uid: (value) => ({ uid: parseCount('--tmpfs uid', value) }),
  gid: (value) => ({ gid: parseCount('--tmpfs gid', value) }),
};

/** `--tmpfs CONTAINER[:opts]`. @throws {EngineError} `cli.badValue`, `cli.mountField` */
export function parseTmpfs(value: string): VolumeRequest {
  const at = value.indexOf(':');
  const containerPath = at < 0 ? value : value.slice(0, at);
  if (!containerPath.startsWith('/')) {
    throw cliErrors.badValue({ option: '--tmpfs', value, wanted: 'CONTAINER[:options] with an absolute path' });
  }
  const words = at < 0 ? [] : value.slice(at + 1).split(',');
  const said: Record<string, unknown> = { kind: 'tmpfs', containerPath, readOnly: false };
  for (const word of words.filter((part) => part !== '')) {
    const [key = '', ...rest] = word.split('=');
    const known = rest.length === 0 ? TMPFS_WORDS[key] : TMPFS_VALUES[key]?.(rest.join('='));
    if (known === undefined) throw cliErrors.mountField({ field: word, type: 'tmpfs' });
    Object.assign(said, known);
  }
  return said as unknown as VolumeRequest;
}

/** `--volumes-from CONTAINER[:ro|rw]`. @throws {EngineError} `cli.badValue` */
export function parseVolumesFrom(value: string): VolumesFrom {
  const match = /^([^:]+)(?::(ro|rw))?$/.exec(value);
  if (match?.[1] === undefined) {
    throw cliErrors.badValue({ option: '--volumes-from', value, wanted: 'CONTAINER[:ro|rw]' });
  }
  return { container: match[1], readOnly: match[2] === 'ro' };
}
