import { resolve } from 'node:path';
import { present } from '../../model/container-request.ts';
import type { Propagation, Recursion, VolumeKind, VolumeRequest } from '../../model/volume.ts';
import { cliErrors } from './errors.ts';
import { parseBytes, parseCount } from './values.ts';
import { type OptionField, parseFields, parseIdMap, parseMode, parseSwitch, required } from './volume-fields.ts';

const OPTION = '--mount';

const TYPES: Readonly<Record<string, VolumeKind>> = {
  bind: 'host-path',
  volume: 'named',
  tmpfs: 'tmpfs',
  image: 'image',
  secret: 'secret',
  sandbox: 'sandbox',
};

/** Other names of fields, as docker and podman take them. */
const ALIASES: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
  U: 'chown',
  'volume-subpath': 'subpath',
  'image-subpath': 'subpath',
  'tmpfs-uid': 'uid',
  'tmpfs-gid': 'gid',
  mode: 'tmpfs-mode',
};

const PROPAGATIONS: Readonly<Record<string, Propagation>> = { rprivate: 'private', rslave: 'slave', rshared: 'shared' };

/** Every field beyond type, source and target: for which kinds it means something, and what it says. */
const FIELDS: Readonly<
  Record<string, { readonly of: readonly VolumeKind[]; readonly read: (field: OptionField) => object }>
> = {
  readonly: {
    of: ['host-path', 'named', 'tmpfs', 'image', 'secret', 'sandbox'],
    read: (field) => ({ readOnly: parseSwitch(OPTION, field) }),
  },
  'bind-propagation': { of: ['host-path'], read: (field) => ({ propagation: propagationOf(field) }) },
  'bind-recursive': { of: ['host-path'], read: (field) => ({ recursion: recursionOf(field) }) },
  'volume-nocopy': { of: ['named'], read: (field) => ({ noCopy: parseSwitch(OPTION, field) }) },
  'volume-driver': { of: ['named'], read: (field) => ({ driver: required(OPTION, field) }) },
  'volume-opt': { of: ['named'], read: (field) => ({ options: pairOf(field) }) },
  'volume-label': { of: ['named'], read: (field) => ({ labels: pairOf(field) }) },
  subpath: { of: ['named', 'image'], read: (field) => ({ subpath: required(OPTION, field) }) },
  'tmpfs-size': { of: ['tmpfs'], read: (field) => ({ sizeBytes: parseBytes('tmpfs-size', required(OPTION, field)) }) },
  'tmpfs-mode': { of: ['tmpfs', 'secret'], read: (field) => ({ mode: parseMode(field.key, required(OPTION, field)) }) },
  uid: { of: ['tmpfs', 'secret'], read: (field) => ({ uid: parseCount('uid', required(OPTION, field)) }) },
  gid: { of: ['tmpfs', 'secret'], read: (field) => ({ gid: parseCount('gid', required(OPTION, field)) }) },
  chown: { of: ['host-path', 'named'], read: (field) => ({ chown: parseSwitch(OPTION, field) }) },
  idmap: { of: ['host-path', 'named'], read: (field) => ({ idMap: parseIdMap('idmap', required(OPTION, field)) }) },
  exec: { of: ['tmpfs'], read: (field) => ({ exec: parseSwitch(OPTION, field) }) },
  noexec: { of: ['host-path', 'named'], read: (field) => ({ noexec: parseSwitch(OPTION, field) }) },
  nosuid: { of: ['host-path', 'named'], read: (field) => ({ nosuid: parseSwitch(OPTION, field) }) },
};

/** `--mount` in Docker's syntax. @throws {EngineError} `cli.badValue`, `cli.mountField` */
export function parseMount(text: string, cwd: string): VolumeRequest {
  const fields = parseFields(OPTION, text).map(({ key, value }) => ({ key: ALIASES[key] ?? key, value }));
  const type = fields.find(({ key }) => key === 'type')?.value ?? 'volume';
  const kind = TYPES[type];
  if (kind === undefined) {
    throw cliErrors.badValue({ option: '--mount type', value: type, wanted: Object.keys(TYPES).join(', ') });
  }
  const source = fields.find(({ key }) => key === 'source')?.value;
  const target = fields.find(({ key }) => key === 'target')?.value;
  const containerPath = target ?? (kind === 'secret' && source !== undefined ? `/run/secrets/${source}` : undefined);
  if (containerPath === undefined || !containerPath.startsWith('/')) {
    throw cliErrors.badValue({ option: '--mount target', value: target ?? '', wanted: 'an absolute container path' });
  }
  const request: Record<string, unknown> = { kind, containerPath, readOnly: false };
  Object.assign(request, sourceOf(kind, { type, source, text, cwd }));
  for (const field of fields) {
    if (!['type', 'source', 'target'].includes(field.key)) merge(request, readField(kind, type, field));
  }
  return present(request) as unknown as VolumeRequest;
}

interface Named {
  readonly type: string;
  readonly source: string | undefined;
  readonly text: string;
  readonly cwd: string;
}

/** What `source` means, by kind. */
function sourceOf(kind: VolumeKind, { type, source, text, cwd }: Named): object {
  const named = (wanted: string): string => {
    if (source === undefined || source === '') throw cliErrors.badValue({ option: OPTION, value: text, wanted });
    return source;
  };
  switch (kind) {
    case 'host-path':
      return { kind: 'host-path', hostPath: resolve(cwd, named('a bind with a source: source=PATH')) };
    case 'named':
      return source === undefined || source === '' ? {} : { name: source };
    case 'tmpfs':
      if (source === undefined) return {};
      throw cliErrors.mountField({ field: 'source', type });
    case 'image':
      return { reference: named('an image volume with a source: source=IMAGE') };
    case 'secret':
      return { secret: named('a secret with a source: source=NAME') };
    case 'sandbox':
      return sandboxOf(named('a sandbox volume with a source: source=[self:|parent:]PATH'));
  }
}

/** `PATH`, `self:PATH` or `parent:PATH`. */
function sandboxOf(source: string): object {
  const match = /^(?:(self|parent):)?(.*)$/s.exec(source);
  return { of: match?.[1] ?? 'self', path: match?.[2] ?? '' };
}

function readField(kind: VolumeKind, type: string, field: OptionField): object {
  const known = FIELDS[field.key];
  if (known === undefined || !known.of.includes(kind)) throw cliErrors.mountField({ field: field.key, type });
  return known.read(field);
}

/** Options and labels come one at a time. */
function merge(request: Record<string, unknown>, said: object): void {
  for (const [name, value] of Object.entries(said)) {
    const isMap = typeof value === 'object' && (name === 'options' || name === 'labels');
    request[name] = isMap ? { ...(request[name] as object | undefined), ...value } : value;
  }
}

function pairOf(field: OptionField): Readonly<Record<string, string>> {
  const pair = required(OPTION, field);
  const at = pair.indexOf('=');
  return at < 0 ? { [pair]: '' } : { [pair.slice(0, at)]: pair.slice(at + 1) };
}

function propagationOf(field: OptionField): Propagation {
  const value = required(OPTION, field);
  return propagationNamed(value) ?? badPropagation(value);
}

/** `rprivate`, `rslave`, `rshared`; `undefined` for another word. */
export function propagationNamed(word: string): Propagation | undefined {
  return PROPAGATIONS[word];
}

function badPropagation(value: string): never {
  throw cliErrors.badValue({ option: '--mount bind-propagation', value, wanted: Object.keys(PROPAGATIONS).join(', ') });
}

function recursionOf(field: OptionField): Recursion {
  const value = required(OPTION, field);
  const known: readonly string[] = ['enabled', 'disabled', 'writable', 'readonly'];
  if (known.includes(value)) return value as Recursion;
  throw cliErrors.badValue({ option: '--mount bind-recursive', value, wanted: known.join(', ') });
}
