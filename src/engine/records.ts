import type { Durability, Files } from '../base/effects.ts';
import type { Termination } from '../model/exit-status.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import type { ListedFiles } from './listed-files.ts';
import { checkFile, configFile, containerPaths, type EnginePaths, sessionFile } from './paths.ts';
import { isMissing, removeRecord, writeRecord } from './record-files.ts';
import {
  type ContainerRecord,
  type Loaded,
  launchRecordText,
  type ProcessRecord,
  parseContainerRecord,
  parseLaunchRecord,
  parseProcessRecord,
  parseRunRecord,
  parseTerminationRecord,
  parseUpdateRecord,
  type RecordedBounds,
  type RunRecord,
  recordErrors,
  runRecordText,
  type TerminationRecord,
  type UpdateRecord,
} from './record-format.ts';
import type { RequestMark } from './request-mark.ts';
import { parseSessionRecord, type SessionRecord } from './session-record.ts';
import {
  type CheckKind,
  type HealthRecord,
  parseHealthRecord,
  parseRestartRecord,
  type RestartRecord,
} from './supervision-records.ts';

/** All that is on disk of one container. */
export interface LoadedContainer {
  readonly record: Loaded<ContainerRecord>;
  readonly termination: Loaded<TerminationRecord>;
  readonly run: Loaded<RunRecord>;
  readonly process: Loaded<ProcessRecord>;
}

/** Writes and reads the checkpoints of containers; see docs/adr/0020. */
export class Records {
  readonly #files: Files;
  readonly #paths: EnginePaths;

  constructor(files: Files, paths: EnginePaths) {
    this.#files = files;
    this.#paths = paths;
  }

  /**
   * Makes a container exist. Once this resolves, the container is found after a killed agent, and, unless it is
   * removed with its end, after a power cut. One that is removed with its end has both records in one file.
   *
   * @param planText the plan as JSON
   */
  async saveLaunch(record: ContainerRecord, run: Omit<RunRecord, 'plan'>, planText: string): Promise<void> {
    const runText = runRecordText(run, planText);
    const paths = containerPaths(this.#paths, record.uid);
    const file = configFile(paths, record.config.autoRemove);
    if (record.config.autoRemove) {
      await writeRecord(this.#files, file, { text: launchRecordText(record, runText), durability: 'volatile' });
      return;
    }
    // The parent's entry and the file's data need not wait for each other; the file's entry needs its name first.
    const saving = [
      this.#files.syncDirectory(this.#paths.containers),
      this.#write(file, record, 'synced').then(() => this.#files.syncDirectory(paths.rootDir)),
      writeRecord(this.#files, paths.planFile, { text: runText, durability: 'volatile' }),
    ];
    for (const result of await Promise.allSettled(saving)) if (result.status === 'rejected') throw result.reason;
  }

  async saveProcess(uid: string, process: ProcessRecord): Promise<void> {
    await this.#write(containerPaths(this.#paths, uid).processFile, process, 'volatile');
  }

  /**
   * Synced: the end of a container that is kept must be found after a power cut.
   *
   * @param begunFor the last request that began a life of it
   */
  async saveTermination(uid: string, termination: Termination, begunFor?: RequestMark): Promise<void> {
    const paths = containerPaths(this.#paths, uid);
    await this.#write(paths.terminationFile, { schemaVersion: 1, termination, begunFor: begunFor?.id }, 'synced');
    await this.#files.syncDirectory(paths.rootDir);
  }

  /** Synced: whoever stops a container, or counts its restarts, is not contradicted after a power cut. */
  async saveRestart(uid: string, restart: RestartRecord): Promise<void> {
    const paths = containerPaths(this.#paths, uid);
    await this.#write(paths.restartFile, restart, 'synced');
    await this.#files.syncDirectory(paths.rootDir);
  }

  async loadRestart(uid: string): Promise<Loaded<RestartRecord>> {
    return this.#read(containerPaths(this.#paths, uid).restartFile, parseRestartRecord);
  }

  async saveHealth(uid: string, kind: CheckKind, health: HealthRecord): Promise<void> {
    await this.#write(checkFile(containerPaths(this.#paths, uid), kind), health, 'volatile');
  }

  async loadHealth(uid: string, kind: CheckKind): Promise<Loaded<HealthRecord>> {
    return this.#read(checkFile(containerPaths(this.#paths, uid), kind), (value) => parseHealthRecord(value, kind));
  }

  /** Once the records of its next life are on disk: it has not ended any more. */
  async forgetTermination(uid: string): Promise<void> {
    await removeRecord(this.#files, containerPaths(this.#paths, uid).terminationFile);
  }

  /**
   * Makes the record of a container that is not removed with its end say something else.
   *
   * @throws {EngineError} what makes it unreadable
   */
  async changeRecord(uid: string, change: (record: ContainerRecord) => ContainerRecord): Promise<void> {
    const { record } = await this.load(uid);
    if (record.kind !== 'present') throw record.kind === 'damaged' ? record.error : recordErrors.missing({ uid });
    const paths = containerPaths(this.#paths, uid);
    await this.#write(configFile(paths, false), change(record.value), 'synced');
    await this.#files.syncDirectory(paths.rootDir);
  }

  /** Before the first knob of an update is written. Twice: a knob is touched only while there is a copy, and a copy is there only beside the record. */
  async saveUpdate(uid: string, update: UpdateRecord): Promise<void> {
    const { updateFile, updateCopyFile } = containerPaths(this.#paths, uid);
    await this.#write(updateFile, update, 'volatile');
    await this.#write(updateCopyFile, update, 'volatile');
  }

  async forgetUpdate(uid: string): Promise<void> {
    const { updateFile, updateCopyFile } = containerPaths(this.#paths, uid);
    await removeRecord(this.#files, updateCopyFile);
    await removeRecord(this.#files, updateFile);
  }

  async loadUpdate(uid: string): Promise<Loaded<UpdateRecord>> {
    return this.#read(containerPaths(this.#paths, uid).updateFile, parseUpdateRecord);
  }

  /** For a record that is damaged. Where there is none, no knob was touched yet, or all were. */
  async loadUpdateCopy(uid: string): Promise<Loaded<UpdateRecord>> {
    return this.#read(containerPaths(this.#paths, uid).updateCopyFile, parseUpdateRecord);
  }

  /**
   * Makes a live container's config and plan say these bounds; what says so already is not written. Synced where the
   * record must outlast a reboot.
   *
   * @param updatedFor the last requests that have updated it
   * @throws {EngineError} what makes its records unreadable; what writing was refused
   */
  async saveBounds(uid: string, bounds: RecordedBounds, updatedFor: readonly RequestMark[]): Promise<void> {
    const { record, run } = await this.load(uid);
    if (record.kind !== 'present') throw record.kind === 'damaged' ? record.error : recordErrors.missing({ uid });
    if (run.kind !== 'present') throw run.kind === 'damaged' ? run.error : recordErrors.missing({ uid });
    const paths = containerPaths(this.#paths, uid);
    const changedRun = { ...run.value, plan: withPlannedBounds(run.value.plan, bounds) };
    const changedRecord = {
      ...withBounds(record.value, bounds),
      ...(updatedFor.length > 0 && { updatedFor }),
    };
    const isPlanSaved = isSame(run.value, changedRun);
    const isConfigSaved = isSame(record.value, changedRecord);
    const file = configFile(paths, record.value.config.autoRemove);
    if (record.value.config.autoRemove) {
      if (!isPlanSaved || !isConfigSaved) await this.#write(file, { ...changedRecord, run: changedRun }, 'volatile');
      return;
    }
    if (!isPlanSaved) await this.#write(paths.planFile, changedRun, 'volatile');
    if (isConfigSaved) return;
    await this.#write(file, changedRecord, 'synced');
    await this.#files.syncDirectory(paths.rootDir);
  }

  async saveSession(containerUid: string, session: SessionRecord): Promise<void> {
    await this.#write(sessionFile(containerPaths(this.#paths, containerUid), session.id), session, 'volatile');
  }

  async forgetSession(containerUid: string, sessionId: string): Promise<void> {
    await removeRecord(this.#files, sessionFile(containerPaths(this.#paths, containerUid), sessionId));
  }

  /**
   * Makes a container not exist: the first thing that removal does, so that no crash shows half a container. Synced
   * where the record was, or a power cut brings back a container whose name has been given to another.
   */
  async forget(uid: string, autoRemove: boolean): Promise<void> {
    const paths = containerPaths(this.#paths, uid);
    await removeRecord(this.#files, configFile(paths, autoRemove));
    if (autoRemove) return;
    try {
      await this.#files.syncDirectory(paths.rootDir);
    } catch (error) {
      if (!isMissing(error)) throw error; // a launch that failed before its directory was made
    }
  }

  /**
   * Reads all that is there of one container; a damaged file is told, not thrown.
   *
   * @param listed what was found in its directories: others are not tried
   */
  async load(uid: string, listed?: Pick<ListedFiles, 'has'>): Promise<LoadedContainer> {
    const paths = containerPaths(this.#paths, uid);
    const read = async <Value>(file: string, parse: (value: unknown) => Value): Promise<Loaded<Value>> =>
      listed?.has(file) === false ? { kind: 'absent' } : this.#read(file, parse);
    const [lasting, passing, termination, run, process] = await Promise.all([
      read(configFile(paths, false), (value) => parseContainerRecord(uid, value)),
      read(configFile(paths, true), (value) => parseLaunchRecord(uid, value)),
      read(paths.terminationFile, parseTerminationRecord),
      read(paths.planFile, (value) => parseRunRecord(uid, value)),
      read(paths.processFile, parseProcessRecord),
    ]);
    if (lasting.kind !== 'absent' || passing.kind === 'absent') return { record: lasting, termination, run, process };
    if (passing.kind === 'damaged') return { record: passing, termination, run: { kind: 'absent' }, process };
    const { value } = passing;
    return {
      ...{ record: { kind: 'present', value: value.record }, run: { kind: 'present', value: value.run } },
      ...{ termination, process },
    };
  }

  /**
   * The plan that a container of this boot was launched with.
   *
   * @throws {EngineError} `record.malformed`, `record.missing`; what reading its file refused
   */
  async loadPlan(uid: string): Promise<LaunchPlan> {
    const { run } = await this.load(uid);
    if (run.kind === 'present') return run.value.plan;
    throw run.kind === 'damaged' ? run.error : recordErrors.missing({ uid });
  }

  async loadSession(containerUid: string, sessionId: string): Promise<Loaded<SessionRecord>> {
    const file = sessionFile(containerPaths(this.#paths, containerUid), sessionId);
    return this.#read(file, (value) => parseSessionRecord(sessionId, value));
  }

  async #write(file: string, value: object, durability: Durability): Promise<void> {
    await writeRecord(this.#files, file, { text: JSON.stringify(value), durability });
  }

  async #read<Value>(file: string, parse: (value: unknown) => Value): Promise<Loaded<Value>> {
    let text: string;
    try {
      text = await this.#files.readText(file);
    } catch (error) {
      if (isMissing(error)) return { kind: 'absent' };
      return { kind: 'damaged', file, error };
    }
    try {
      return { kind: 'present', value: parse(JSON.parse(text)) };
    } catch (error) {
      return { kind: 'damaged', file, error };
    }
  }
}

/** A repeated `create` compares with what was asked for at first. */
function withBounds(record: ContainerRecord, { resources, devices, disk, placement }: RecordedBounds): ContainerRecord {
  const { config } = record;
  const { diskLimitBytes } = config;
  const isolators = placement?.isolators ?? record.isolators;
  const created = record.created ?? {
    ...{ resources: config.resources, devices: config.devices, deviceRules: config.deviceRules },
    ...(diskLimitBytes === undefined ? {} : { diskLimitBytes }),
  };
  const changed = { ...config, resources, ...devices?.asked, ...(disk && { diskLimitBytes: disk.limitBytes }) };
  const isKept = isSame(config, changed) && isSame(record.isolators, isolators);
  return isKept ? record : { ...record, config: changed, created, isolators };
}

function withPlannedBounds(plan: LaunchPlan, { cgroups, devices, disk, placement }: RecordedBounds): LaunchPlan {
  const placed = {
    ...(placement && { isolators: placement.isolators, cgroupJoins: placement.joins }),
    ...(disk && { diskQuota: disk.quota }),
  };
  if (devices === undefined) return { ...plan, cgroups, ...placed };
  const { deviceRules: _rules, deviceNodes: _nodes, ...others } = plan;
  return { ...others, cgroups, ...placed, ...devices.planned };
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
