import { defineErrors } from './error.ts';
import { checkText, parseAbsolutePath } from './text-check.ts';
import { type IdMap, type IdRange, sourceOfVolume, type Volume, type VolumeRequest } from './volume.ts';

export const volumeErrors = defineErrors('volume', {
  overRoot: {
    kind: 'invalid-argument',
    message: (d: { source: string }) => `volume ${d.source} would lie over the whole root file system`,
    remedy: () => 'give it as root file system, or mount it elsewhere',
  },
  twice: {
    kind: 'invalid-argument',
    message: (d: { containerPath: string; first: string; second: string }) =>
      `volumes ${d.first} and ${d.second} are both to be seen at ${d.containerPath}`,
  },
  malformedName: {
    kind: 'invalid-argument',
    message: (d: { what: string; name: string }) =>
      `${d.what} ${JSON.stringify(d.name)} does not match [a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}`,
    remedy: () => 'a host path begins with / or ./ ; a name has letters, digits, dots, dashes and underscores',
  },
  badValue: {
    kind: 'invalid-argument',
    message: (d: { field: string; of: string; value: string; wanted: string }) =>
      `${d.field} ${d.value} of volume ${d.of} is not ${d.wanted}`,
  },
  leadsOut: {
    kind: 'invalid-argument',
    message: (d: { field: string; of: string; path: string }) =>
      `${d.field} ${JSON.stringify(d.path)} of volume ${d.of} is not a relative path that stays inside`,
    remedy: () => 'write it without a leading slash and without ..',
  },
  contradiction: {
    kind: 'invalid-argument',
    message: (d: { of: string; one: string; other: string }) =>
      `volume ${d.of} is asked for with ${d.one} and with ${d.other}, which exclude each other`,
  },
});

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;
/** (uid_t) -1 means no change to the kernel. */
const LARGEST_ID = 0xffff_fffe;
const MOST_RANGES = 32;

/** @throws {EngineError} `volume.malformedName` (invalid-argument) */
export function parseVolumeName(what: string, name: string): string {
  if (!NAME.test(name)) throw volumeErrors.malformedName({ what, name });
  return name;
}

/**
 * Checks volumes, each and together, and writes them in one way: normal paths, no keys without a value.
 *
 * @throws {EngineError} `volume.*`, `text.*`
 */
export function parseVolumes(volumes: readonly VolumeRequest[]): readonly Volume[] {
  const parsed = volumes.map(parseVolume);
  const seen = new Map<string, string>();
  for (const volume of parsed) {
    const { containerPath } = volume;
    const source = sourceOfVolume(volume);
    const other = seen.get(containerPath);
    if (other !== undefined) throw volumeErrors.twice({ containerPath, first: other, second: source });
    seen.set(containerPath, source);
  }
  return parsed;
}

function parseVolume(request: VolumeRequest): Volume {
  const of = sourceOfVolume(request);
  const containerPath = parseAbsolutePath('container path of a volume', request.containerPath);
  if (containerPath === '/') throw volumeErrors.overRoot({ source: of });
  const fields = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
  // Field by field as the request, which has none without a value any more.
  return { ...fields, ...checkedFields(request, of), containerPath } as Volume;
}

/** Those fields of a volume that are written in one way only. */
function checkedFields(request: VolumeRequest, of: string): Partial<Record<string, unknown>> {
  if ('idMap' in request && request.idMap !== undefined) checkIdMap(request.idMap, of);
  switch (request.kind) {
    case 'host-path':
      if (!request.readOnly && (request.recursion === 'writable' || request.recursion === 'readonly')) {
        throw volumeErrors.contradiction({ of, one: `recursion ${request.recursion}`, other: 'write access' });
      }
      return { kind: 'host-path', hostPath: parseAbsolutePath('host path of a volume', request.hostPath) };
    case 'named':
      if (request.name !== undefined) parseVolumeName('volume name', request.name);
      return subpathOf(request.subpath, of);
    case 'tmpfs':
      checkNumber(request.sizeBytes, { field: 'size', of, least: 4096, most: Number.MAX_SAFE_INTEGER });
      checkMode(request.mode, of, 0o1777);
      checkIds(request, of);
      return {};
    case 'image':
      checkText('image reference', request.reference, 4096);
      return { ...subpathOf(request.subpath, of), readOnly: true };
    case 'secret':
      parseVolumeName('secret', request.secret);
      checkMode(request.mode, of, 0o777);
      checkIds(request, of);
      return { readOnly: true };
    case 'sandbox':
      return { path: relativePath('path', request.path, of) };
  }
}

function subpathOf(subpath: string | undefined, of: string): { readonly subpath?: string } {
  return subpath === undefined ? {} : { subpath: relativePath('subpath', subpath, of) };
}

/** Links in it are resolved inside the volume by the helper; this only refuses what could never be meant. */
function relativePath(field: string, path: string, of: string): string {
  checkText(`${field} of a volume`, path, 4095);
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.includes('..') || parts.length === 0) {
    throw volumeErrors.leadsOut({ field, of, path });
  }
  return parts.join('/');
}

interface Bounds {
  readonly field: string;
  readonly of: string;
  readonly least: number;
  readonly most: number;
}

function checkNumber(value: number | undefined, { field, of, least, most }: Bounds): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return;
  throw volumeErrors.badValue({ field, of, value: String(value), wanted: `a whole number from ${least} to ${most}` });
}

function checkMode(mode: number | undefined, of: string, most: number): void {
  if (mode === undefined || (Number.isInteger(mode) && mode >= 0 && mode <= most)) return;
  const wanted = `permission bits up to 0${most.toString(8)}`;
  throw volumeErrors.badValue({ field: 'mode', of, value: `0${mode.toString(8)}`, wanted });
}

function checkIds({ uid, gid }: { readonly uid?: number | undefined; readonly gid?: number | undefined }, of: string) {
  checkNumber(uid, { field: 'uid', of, least: 0, most: LARGEST_ID });
  checkNumber(gid, { field: 'gid', of, least: 0, most: LARGEST_ID });
}

function checkIdMap({ uids, gids }: IdMap, of: string): void {
  for (const [field, ranges] of [['uids', uids] as const, ['gids', gids] as const]) {
    const fits = ranges.length >= 1 && ranges.length <= MOST_RANGES && ranges.every(isRange);
    if (fits) continue;
    const wanted = `1 to ${MOST_RANGES} ranges of ids up to ${LARGEST_ID}`;
    throw volumeErrors.badValue({ field: `id map ${field}`, of, value: JSON.stringify(ranges), wanted });
  }
}

function isRange({ onDisk, seen, count }: IdRange): boolean {
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  return [onDisk, seen, count].every(isCount) && count > 0 && Math.max(onDisk, seen) + count - 1 <= LARGEST_ID;
}
