import { BACKENDS, type BackendChoice } from '../model/backend.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import { type ContainerUid, isContainerUid, parseContainerUid } from '../model/container-id.ts';
import type { AskedDevices } from '../model/device-changes.ts';
import type { Digest } from '../model/digest.ts';
import { defineErrors } from '../model/error.ts';
import type { Termination } from '../model/exit-status.ts';
import type { HealthCheck } from '../model/health.ts';
import type { CgroupPlan, LaunchPlan } from '../model/launch-plan.ts';
import type { Resources } from '../model/resources.ts';
import type { Volume } from '../model/volume.ts';
import type { PlannedDevices } from '../plan/device-changes.ts';
import type { HeldIds } from './id-ranges.ts';
import { areMarksOrAbsent, isMarkOrAbsent, type RequestMark } from './request-mark.ts';

/** What makes a container one of ours: written before its start, gone when it is removed. */
export interface ContainerRecord {
  readonly schemaVersion: 1;
  readonly uid: ContainerUid;
  readonly config: ContainerConfig;
  /** What of the config was asked for otherwise when it was made; absent until an update changes it. */
  readonly created?: CreatedConfig;
  readonly createdAtMs: number;
  /** The boot it was launched in (/proc/sys/kernel/random/boot_id). */
  readonly bootId: string;
  readonly imageId: Digest | undefined;
  /** Absent without an image, and in records of versions that had only overlays. */
  readonly backend?: BackendChoice | undefined;
  /** Command line in force, image defaults included. */
  readonly command: readonly string[];
  readonly isolators: readonly string[];
  /** All of its volumes; absent where it has those of its config alone. */
  readonly volumes?: readonly Volume[];
  readonly volumeImageIds?: readonly Digest[];
  /** What `stop` sends first. */
  readonly stopSignal: number;
  /** Of one that may be started again, or lives in another one: its files may show them. */
  readonly ids?: HeldIds | undefined;
  /** It was started again at least once. */
  readonly hasRun?: boolean;
  readonly healthCheck?: HealthCheck;
  /** Labels that it has of its image; absent without any. */
  readonly imageLabels?: Readonly<Record<string, string>>;
  /** The last requests with keys that began lives of it after the first. */
  readonly begunFor?: readonly RequestMark[];
  /** The last requests with keys that updated it. */
  readonly updatedFor?: readonly RequestMark[];
}

/** What is needed to find the container's monitor again; written before its start, and of use in this boot only. */
export interface RunRecord {
  readonly schemaVersion: 1;
  readonly bootId: string;
  /** 32 hex digits. */
  readonly controlTicket: string;
  readonly plan: LaunchPlan;
}

/** Who init is, written after it started: a pid means nothing without its start time and boot. */
export interface ProcessRecord {
  readonly schemaVersion: 1;
  readonly bootId: string;
  readonly pid: number;
  /** Ticks after boot, field 22 of /proc/PID/stat; text, for JSON has no bigint. */
  readonly startTime: string;
  readonly startedAtMs: number;
}

/** What of a config an update can change. */
export type CreatedConfig = Pick<ContainerConfig, 'resources' | 'devices' | 'deviceRules' | 'diskLimitBytes'>;

/** The bounds of a container, as its config and as its plan have them. */
export interface RecordedBounds {
  readonly resources: Resources;
  readonly cgroups: readonly CgroupPlan[];
  /** Absent in an update that does nothing to devices. */
  readonly devices?: { readonly asked: AskedDevices; readonly planned: PlannedDevices };
  /** Absent in an update that leaves the disk limit as it is. */
  readonly disk?: { readonly limitBytes: number; readonly quota: NonNullable<LaunchPlan['diskQuota']> };
  /** Absent in an update that brings no groups. */
  readonly placement?: { readonly isolators: readonly string[]; readonly joins: LaunchPlan['cgroupJoins'] };
}

/**
 * An update that is under way: written before its first knob, gone after the records say the same. It means something
 * in this boot only: the groups go with it.
 */
export interface UpdateRecord {
  readonly schemaVersion: 1;
  readonly bootId: string;
  readonly before: RecordedBounds;
  readonly after: RecordedBounds;
  readonly askedFor?: RequestMark | undefined;
}

export interface TerminationRecord {
  readonly schemaVersion: 1;
  readonly termination: Termination;
  /** Id of the last request that had begun a life of it by then. */
  readonly begunFor?: string | undefined;
}

/** A checkpoint as it was found. */
export type Loaded<Value> =
  | { readonly kind: 'absent' }
  | { readonly kind: 'damaged'; readonly file: string; readonly error: unknown }
  | { readonly kind: 'present'; readonly value: Value };

export const recordErrors = defineErrors('record', {
  malformed: {
    kind: 'data-loss',
    message: (d: { what: string; field: string; found: string }) =>
      `${d.what}: field ${d.field} is ${d.found}, which no version of ours wrote`,
  },
  missing: {
    kind: 'data-loss',
    message: (d: { uid: string }) => `the plan that container ${d.uid} was launched with is not on disk any more`,
    remedy: () => 'destroy the container and launch it again',
  },
  schemaVersion: {
    kind: 'failed-precondition',
    message: (d: { what: string; found: string; known: number }) =>
      `${d.what} has schema version ${d.found}, this engine knows ${d.known}`,
    remedy: () => 'use the version of isopod that wrote it',
  },
});

/**
 * The JSON of a run record, the plan of which is JSON already.
 *
 * @param planText of a plain object, as JSON.stringify gives it
 */
export function runRecordText(run: Omit<RunRecord, 'plan'>, planText: string): string {
  return `${JSON.stringify(run).slice(0, -1)},"plan":${planText}}`;
}

/** The JSON of both records of a container that is removed with its end, which are one. */
export function launchRecordText(record: ContainerRecord, runText: string): string {
  return `${JSON.stringify(record).slice(0, -1)},"run":${runText}}`;
}

const SCHEMA_VERSION = 1;
const TICKET = /^[0-9a-f]{32}$/;

/** Checks a container's record before anything relies on it. @throws {EngineError} `record.malformed`, `.schemaVersion` */
export function parseContainerRecord(uid: string, value: unknown): ContainerRecord {
  const fields = new Fields('config.json', value);
  fields.require('uid', (found) => found === parseContainerUid(uid));
  fields.require('createdAtMs', isFiniteNumber);
  fields.require('bootId', isText);
  fields.require('stopSignal', (found) => isFiniteNumber(found) && found > 0);
  fields.require('imageId', (found) => found === undefined || isText(found));
  fields.require('backend', isBackend);
  fields.require('command', isTextList);
  fields.require('isolators', isTextList);
  fields.require('created', (found) => found === undefined || isObject(found));
  fields.require('volumes', (found) => found === undefined || (Array.isArray(found) && found.every(isObject)));
  for (const field of ['begunFor', 'updatedFor']) fields.require(field, areMarksOrAbsent);
  fields.require('imageLabels', (found) => found === undefined || isObject(found));
  fields.require('volumeImageIds', (found) => found === undefined || isTextList(found));
  const config = new Fields('config.json: config', fields.object('config'), { versioned: false });
  config.require('name', isText);
  config.require('parent', (found) => found === undefined || (isText(found) && isContainerUid(found)));
  config.require('autoRemove', (found) => typeof found === 'boolean');
  config.require('terminal', (found) => typeof found === 'boolean');
  config.require('stdin', (found) => typeof found === 'boolean');
  config.require('labels', isObject);
  config.require('rootfs', isObject);
  const log = new Fields('config.json: log', config.object('log'), { versioned: false });
  log.require('format', (found) => found === 'cri' || found === 'raw');
  return value as ContainerRecord;
}

/** Both records of a container that is removed with its end. @throws {EngineError} `record.malformed`, `.schemaVersion` */
export function parseLaunchRecord(
  uid: string,
  value: unknown,
): { readonly record: ContainerRecord; readonly run: RunRecord } {
  const record = parseContainerRecord(uid, value);
  return { record, run: parseRunRecord(uid, (value as { readonly run?: unknown }).run) };
}

/** @throws {EngineError} `record.malformed`, `record.schemaVersion` */
export function parseRunRecord(uid: string, value: unknown): RunRecord {
  const fields = new Fields('plan.json', value);
  fields.require('bootId', isText);
  fields.require('controlTicket', isTicket);
  const plan = new Fields('plan.json: plan', fields.object('plan'));
  plan.require('uid', (found) => found === uid);
  plan.require('cgroups', Array.isArray);
  plan.object('command');
  return value as RunRecord;
}

/** @throws {EngineError} `record.malformed`, `record.schemaVersion` */
export function parseProcessRecord(value: unknown): ProcessRecord {
  const fields = new Fields('process.json', value);
  fields.require('bootId', isText);
  fields.require('pid', isFiniteNumber);
  fields.require('startTime', (found) => isText(found) && /^\d+$/.test(found));
  fields.require('startedAtMs', isFiniteNumber);
  return value as ProcessRecord;
}

/** @throws {EngineError} `record.malformed`, `record.schemaVersion` */
export function parseUpdateRecord(value: unknown): UpdateRecord {
  const fields = new Fields('update.json', value);
  fields.require('bootId', isText);
  fields.require('askedFor', isMarkOrAbsent);
  for (const side of ['before', 'after']) {
    const bounds = new Fields(`update.json: ${side}`, fields.object(side), { versioned: false });
    bounds.require('resources', isObject);
    bounds.require('cgroups', Array.isArray);
    bounds.require('devices', (found) => found === undefined || isObject(found));
    bounds.require('disk', (found) => found === undefined || isObject(found));
    bounds.require('placement', (found) => found === undefined || isObject(found));
  }
  return value as UpdateRecord;
}

/** @throws {EngineError} `record.malformed`, `record.schemaVersion` */
export function parseTerminationRecord(value: unknown): TerminationRecord {
  const fields = new Fields('termination.json', value);
  fields.require('begunFor', (found) => found === undefined || isText(found));
  checkTermination('termination.json', fields.object('termination'));
  return value as TerminationRecord;
}

/** @param what names the record. @throws {EngineError} `record.malformed` */
export function checkTermination(what: string, value: unknown): void {
  const termination = new Fields(`${what}: termination`, value, { versioned: false });
  termination.require('reason', isText);
  termination.require('message', isText);
  termination.require('limitations', Array.isArray);
  termination.require('finishedAtMs', isFiniteNumber);
  const status = new Fields(`${what}: exitStatus`, termination.object('exitStatus'), { versioned: false });
  status.require('kind', (found) => found === 'exited' || found === 'signaled' || found === 'lost');
}

/** Reads fields of a value of unknown shape. */
export class Fields {
  readonly #what: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(what: string, value: unknown, { versioned }: { readonly versioned: boolean } = { versioned: true }) {
    this.#what = what;
    if (!isObject(value)) throw recordErrors.malformed({ what, field: '(all)', found: describe(value) });
    this.#values = value;
    if (versioned && value.schemaVersion !== SCHEMA_VERSION) {
      throw recordErrors.schemaVersion({ what, found: describe(value.schemaVersion), known: SCHEMA_VERSION });
    }
  }

  require(field: string, isValid: (found: unknown) => boolean): void {
    const found = this.#values[field];
    if (!isValid(found)) throw recordErrors.malformed({ what: this.#what, field, found: describe(found) });
  }

  object(field: string): unknown {
    this.require(field, isObject);
    return this.#values[field];
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isTicket(value: unknown): boolean {
  return isText(value) && TICKET.test(value);
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText);
}

export function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isBackend(value: unknown): boolean {
  return value === undefined || (isObject(value) && BACKENDS.some((name) => name === value.name));
}

function describe(value: unknown): string {
  return (JSON.stringify(value) ?? 'missing').slice(0, 60);
}
