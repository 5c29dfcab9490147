import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TEMPORARY_PREFIX } from '../../src/base/effects.ts';
import type { ContainerStatus } from '../../src/engine/facade.ts';
import { type InstanceView, isAlive } from '../support/instance-view.ts';
import type { Told } from './operations.ts';

export interface Place {
  readonly root: string;
  readonly state: string;
  readonly view: InstanceView;
}

/** What was told about one container by processes that were then ended. */
interface Known {
  readonly uid: string;
  pid: number;
  autoRemove: boolean;
  isStartAsked: boolean;
  isEndAsked: boolean;
  isRemovalAsked: boolean;
  isRemoved: boolean;
  /** The limit that was set last and answered; none while another is asked for. */
  limit: number | undefined;
}

/**
 * Compares what an engine lists with what callers were told and with what is on the host: processes, groups, mounts, files, records.
 *
 * @returns what is wrong, in words; nothing when all is well
 */
export function faultsOf(place: Place, list: readonly ContainerStatus[], told: readonly Told[]): readonly string[] {
  const known = knowledgeOf(told);
  return [
    ...list.flatMap((status) => faultsOfListed(place, status, known.get(status.uid))),
    ...[...known.values()].flatMap((one) => faultsOfKnown(one, list)),
    ...faultsOfHost(place, list),
  ];
}

/** What is left where no container is. */
export function remainsOf(place: Place): readonly string[] {
  return faultsOfHost(place, []);
}

function knowledgeOf(told: readonly Told[]): ReadonlyMap<string, Known> {
  const all = new Map<string, Known>();
  for (const one of told) {
    if (one.kind === 'over') continue;
    const flags = { isStartAsked: false, isEndAsked: false, isRemovalAsked: false, isRemoved: false };
    const known = all.get(one.uid) ?? { uid: one.uid, pid: 0, autoRemove: false, limit: undefined, ...flags };
    all.set(one.uid, known);
    if (one.kind === 'launched') {
      Object.assign(known, { pid: one.pid, autoRemove: one.autoRemove, isStartAsked: false });
    }
    if (one.kind === 'start asked') known.isStartAsked = true;
    if (one.kind === 'end asked') known.isEndAsked = true;
    if (one.kind === 'removal asked') known.isRemovalAsked = true;
    if (one.kind === 'removed') known.isRemoved = true;
    if (one.kind === 'limit asked') known.limit = undefined;
    if (one.kind === 'limit set') known.limit = one.bytes;
  }
  return all;
}

function faultsOfListed(place: Place, status: ContainerStatus, known: Known | undefined): readonly string[] {
  const { uid, state, pid, termination } = status;
  const faults: string[] = [];
  const inside = processesOf(place, uid);
  if (termination === undefined && (pid === undefined || !isAlive(pid))) faults.push(`${uid} is ${state}, and dead`);
  if (termination !== undefined && inside.length > 0) faults.push(`${uid} is reported dead, and ${inside} live in it`);
  if (known?.isRemoved === true) faults.push(`${uid} was removed, and is listed`);
  const mayEnd = known === undefined || known.isEndAsked || known.isRemovalAsked || known.pid === 0;
  if (termination !== undefined && !mayEnd) faults.push(`${uid} was to run on, and is ${termination.message}`);
  if (known !== undefined && known.pid > 0 && !known.isStartAsked && pid !== undefined && pid !== known.pid) {
    faults.push(`${uid} has init ${pid}, told was ${known.pid}`);
  }
  return [...faults, ...faultsOfLimit(place, status, known)];
}

/** The kernel's limit is that of the record, and the one that was set. */
function faultsOfLimit(
  place: Place,
  { uid, state, config }: ContainerStatus,
  known: Known | undefined,
): readonly string[] {
  const wanted = config.resources.memoryLimitBytes;
  if (wanted === undefined || state !== 'running') return [];
  const files = groupsOf(place, uid).flatMap((group) =>
    ['memory.limit_in_bytes', 'memory.max'].map((name) => join(group, name)).filter((file) => existsSync(file)),
  );
  const held = files.map((file) => readFileSync(file, 'utf8').trim()).filter((text) => !/^(max|9\d{18})$/.test(text));
  const faults = held.filter((text) => text !== `${wanted}`).map((text) => `${uid} holds ${text}, recorded ${wanted}`);
  if (held.length === 0) faults.push(`no group of ${uid} holds its limit`);
  const limit = known?.limit ?? wanted; // asked for and not answered it may be either
  if (limit !== wanted) faults.push(`${uid} was given the limit ${limit}, and is listed with ${wanted}`);
  return faults;
}

function faultsOfKnown(known: Known, list: readonly ContainerStatus[]): readonly string[] {
  const isListed = list.some(({ uid }) => uid === known.uid);
  const mayBeGone = known.isRemovalAsked || (known.autoRemove && known.isEndAsked) || known.pid === 0;
  return isListed || mayBeGone ? [] : [`${known.uid} was launched, and is not listed`];
}

function faultsOfHost(place: Place, list: readonly ContainerStatus[]): readonly string[] {
  const { root, state, view } = place;
  const living = list.filter(({ termination }) => termination === undefined).map(({ uid }) => uid as string);
  const all = list.map(({ uid }) => uid as string);
  const { groups, mounts } = view.snapshot();
  const sessions = living.flatMap((uid) => namesIn(join(state, 'c', uid)).flatMap((name) => sessionIn(name)));
  const records = [...all.map((uid) => join(root, 'containers', uid)), ...living.map((uid) => join(state, 'c', uid))];
  const unfinished = records.flatMap((directory) => namesIn(directory).filter((name) => isUnfinished(name)));
  const monitors = view.processes().flatMap(({ command }) => /^isopod-helper monitor (\w+)$/.exec(command)?.[1] ?? []);
  return [
    ...strangers('group of', new Set(groups.flatMap((path) => uidOf(path) ?? [])), living),
    ...strangers('monitor of', monitors, [...living, ...sessions]),
    ...strangers('directory of', namesIn(join(root, 'containers')), all),
    ...strangers('state of', namesIn(join(state, 'c')), living),
    ...strangers('socket of', namesIn(join(state, 's')), [...living, ...sessions]),
    ...living.filter((uid) => processesOf(place, uid).length === 0).map((uid) => `${uid} has no process`),
    ...mounts.map((line) => `mounted: ${line}`),
    ...unfinished.map((name) => `unfinished: ${name}`),
  ];
}

function strangers(what: string, found: Iterable<string>, wanted: readonly string[]): readonly string[] {
  return [...found].filter((uid) => !wanted.includes(uid)).map((uid) => `${what} ${uid}, which is nobody's`);
}

function isUnfinished(name: string): boolean {
  return name.startsWith(TEMPORARY_PREFIX) || name === 'update.json' || name === 'update-copy.json';
}

function sessionIn(name: string): readonly string[] {
  const id = /^session-(\w+)\.json$/.exec(name)?.[1];
  return id === undefined ? [] : [id];
}

/** The innermost container that a group belongs to. */
function uidOf(group: string): string | undefined {
  return [...group.matchAll(/\/(?:containers|nested)\/([0-9a-f]{12})/g)].at(-1)?.[1];
}

function groupsOf({ view }: Place, uid: string): readonly string[] {
  return view.groups().filter((path) => uidOf(path) === uid);
}

function processesOf(place: Place, uid: string): readonly number[] {
  const pids = groupsOf(place, uid).flatMap((group) => pidsIn(join(group, 'cgroup.procs')));
  return [...new Set(pids)];
}

function pidsIn(file: string): readonly number[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return []; // removed meanwhile
  }
}

function namesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
