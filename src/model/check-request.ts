import type { BackendName } from './backend.ts';
import type { LogConfig, NetworkMode, PullPolicy, RootfsSource, TerminalSize } from './container-config.ts';
import { checkDebug } from './debug-request.ts';
import { checkDeviceRules, type DeviceMapping } from './devices.ts';
import type { DiskEnforcement } from './disk-quota.ts';
import { defineErrors } from './error.ts';
import type { FetchRequest } from './fetch.ts';
import type { HealthRequest, ReadinessRequest } from './health.ts';
import type { HooksRequest } from './hooks.ts';
import type { LandlockRequest } from './landlock.ts';
import { checkNamespaces, type NamespaceRequest } from './namespace-config.ts';
import { checkNesting } from './nesting.ts';
import { checkProcess, type ProcessRequest } from './process-config.ts';
import type { Resources } from './resources.ts';
import type { RestartPolicy } from './restart-policy.ts';
import type { SecurityRequest } from './security-config.ts';
import { checkStopRequest, type StopRequest } from './stop-request.ts';
import { checkSysctls } from './sysctl.ts';
import { checkText } from './text-check.ts';
import type { SecretVariable, VolumeRequest, VolumesFrom } from './volume.ts';

export const containerRequestErrors = defineErrors('container-request', {
  limitTooSmall: {
    kind: 'invalid-argument',
    message: (d: { field: string; value: number; least: number; why: string }) =>
      `${d.field} ${d.value} is not a whole number of at least ${d.least}: ${d.why}`,
  },
  malformedVariable: {
    kind: 'invalid-argument',
    message: (d: { entry: string }) =>
      `environment entry ${JSON.stringify(d.entry)} is not NAME=value, or the NAME of one to take away`,
  },
  malformedHostname: {
    kind: 'invalid-argument',
    message: (d: { hostname: string }) =>
      `host name ${JSON.stringify(d.hostname)} is not 1 to 64 letters, digits, dots and dashes`,
    remedy: () => 'begin and end it with a letter or digit',
  },
  emptyCommand: {
    kind: 'invalid-argument',
    message: (d: { field: string }) => `the ${d.field} is empty`,
    remedy: () => 'name a program',
  },
  noCommand: {
    kind: 'invalid-argument',
    message: () => 'a container without an image has no command of its own, and none was given',
    remedy: () => 'name the command to run',
  },
  readOnlyHost: {
    kind: 'invalid-argument',
    message: () => "a read-only root file system was asked for, and the container has the host's own",
    remedy: () => 'give an image or a directory as root file system',
  },
  backendOfNothing: {
    kind: 'invalid-argument',
    message: (d: { backend: string; rootfs: string }) =>
      `backend ${d.backend} was asked for, and the root file system is ${d.rootfs === 'none' ? "the host's own" : 'a directory'}: there are no layers to show`,
    remedy: () => 'give an image, or leave out --backend',
  },
  nothingToEnforce: {
    kind: 'invalid-argument',
    message: (d: { enforcement: string }) => `a disk limit was to be kept by ${d.enforcement}, and no limit was given`,
    remedy: () => 'give a limit with --disk, or --disk-enforcement observe to only count',
  },
  malformedTerminalSize: {
    kind: 'invalid-argument',
    message: (d: { rows: number; columns: number }) =>
      `a terminal of ${d.rows} rows and ${d.columns} columns is not within 1 to 65535`,
  },
  isolatorTwice: {
    kind: 'invalid-argument',
    message: (d: { isolator: string }) => `isolator ${d.isolator} is chosen twice`,
  },
  tooMany: {
    kind: 'invalid-argument',
    message: (d: { field: string; count: number; most: number }) =>
      `${d.count} ${d.field}, and at most ${d.most} are allowed`,
    remedy: () => 'leave some out; a volume may hold many directories',
  },
});

/** What a caller must and may say of a container, in the model's own types; faces translate to it. */
export interface ContainerRequest extends StopRequest {
  readonly name?: string | undefined;
  readonly parent?: string | undefined;
  readonly shareCgroups?: boolean | undefined;
  readonly debug?: boolean | undefined;
  readonly rootfs: RootfsSource;
  readonly backend?: BackendName | undefined;
  readonly pull?: PullPolicy | undefined;
  readonly entrypoint?: readonly string[] | undefined;
  readonly command?: readonly string[] | undefined;
  readonly env?: readonly string[] | undefined;
  readonly workdir?: string | undefined;
  readonly user?: string | undefined;
  readonly hostname?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly network?: NetworkMode | undefined;
  readonly namespaces?: NamespaceRequest | undefined;
  readonly devices?: readonly DeviceMapping[] | undefined;
  /** As `parseDeviceRule` reads them. */
  readonly deviceRules?: readonly string[] | undefined;
  readonly volumes?: readonly VolumeRequest[] | undefined;
  readonly volumesFrom?: readonly VolumesFrom[] | undefined;
  readonly secretVariables?: readonly SecretVariable[] | undefined;
  readonly diskLimitBytes?: number | undefined;
  readonly diskEnforcement?: DiskEnforcement | undefined;
  readonly resources?: { readonly [Name in keyof Resources]: Resources[Name] | undefined } | undefined;
  readonly process?: ProcessRequest | undefined;
  readonly sysctls?: Readonly<Record<string, string>> | undefined;
  readonly landlock?: LandlockRequest | undefined;
  readonly readOnlyRootfs?: boolean | undefined;
  readonly init?: boolean | undefined;
  readonly terminal?: boolean | undefined;
  readonly terminalSize?: TerminalSize | undefined;
  readonly stdin?: boolean | undefined;
  readonly owned?: boolean | undefined;
  readonly endsWithOwner?: boolean | undefined;
  readonly log?: { readonly [Name in keyof LogConfig]?: LogConfig[Name] | undefined } | undefined;
  readonly autoRemove?: boolean | undefined;
  readonly restart?: RestartPolicy | undefined;
  readonly health?: HealthRequest | undefined;
  readonly readiness?: ReadinessRequest | undefined;
  readonly isolation?: readonly string[] | undefined;
  readonly security?: SecurityRequest | undefined;
  readonly hooks?: HooksRequest | undefined;
  /** Files that it is given before its command runs. */
  readonly fetch?: readonly FetchRequest[] | undefined;
}

/** Each bound with the least that makes sense, and why. */
const LEAST = {
  disk: { least: 4 << 20, why: 'a file system needs some of it for itself' },
  logBytes: { least: 1 << 16, why: 'a smaller file holds hardly a line' },
  logFiles: { least: 1, why: 'the current file is one' },
} as const;

const MOST = { labels: 1000, labelBytes: 64 * 1024, volumes: 100, referenceBytes: 4096, words: 10_000 } as const;

const HOSTNAME = /^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?$/;

/** Checks the single values and how they go together. @throws {EngineError} `container-request.*`, `text.*` */
export function checkRequest(request: ContainerRequest): void {
  const { log, hostname, terminalSize, rootfs } = request;
  checkDiskLimit(request.diskLimitBytes);
  checkDiskEnforcement(request);
  checkLeast('log size in bytes', log?.maxBytes, LEAST.logBytes);
  checkLeast('number of log files', log?.maxFiles, LEAST.logFiles);
  if (hostname !== undefined && !HOSTNAME.test(hostname)) throw containerRequestErrors.malformedHostname({ hostname });
  if (terminalSize !== undefined) checkTerminalSize(terminalSize);
  checkNesting(request);
  checkDebug(request);
  checkNamespaces(request.namespaces ?? {}, request);
  if (rootfs.kind === 'image') checkText('image reference', rootfs.reference, MOST.referenceBytes);
  if (rootfs.kind === 'none' && request.readOnlyRootfs === true) throw containerRequestErrors.readOnlyHost();
  checkBackend(request);
  const words = [...(request.entrypoint ?? []), ...(request.command ?? [])];
  if (rootfs.kind !== 'image' && words.length === 0) throw containerRequestErrors.noCommand();
  checkCount('words in the command', words.length, MOST.words);
  checkCount('volumes', request.volumes?.length ?? 0, MOST.volumes);
  checkLabels(request.labels ?? {});
  checkProcess(request.process ?? {});
  checkDeviceRules(request.deviceRules ?? []);
  checkSysctls(request.sysctls ?? {});
  checkIsolation(request.isolation ?? []);
  checkStopRequest(request);
}

/** @throws {EngineError} `container-request.limitTooSmall` (invalid-argument) */
export function checkDiskLimit(limitBytes: number | undefined): void {
  checkLeast('disk limit in bytes', limitBytes, LEAST.disk);
}

function checkBackend({ rootfs, backend }: ContainerRequest): void {
  if (backend === undefined || rootfs.kind === 'image') return;
  throw containerRequestErrors.backendOfNothing({ backend, rootfs: rootfs.kind });
}

function checkDiskEnforcement({ diskLimitBytes, diskEnforcement: enforcement }: ContainerRequest): void {
  if (enforcement === undefined || enforcement === 'observe' || diskLimitBytes !== undefined) return;
  throw containerRequestErrors.nothingToEnforce({ enforcement });
}

/** @throws {EngineError} `container-request.malformedTerminalSize` (invalid-argument) */
export function checkTerminalSize({ rows, columns }: TerminalSize): void {
  const fits = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= 0xffff;
  if (!fits(rows) || !fits(columns)) throw containerRequestErrors.malformedTerminalSize({ rows, columns });
}

function checkLeast(field: string, value: number | undefined, bound: { least: number; why: string }): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= bound.least)) return;
  throw containerRequestErrors.limitTooSmall({ field, value, ...bound });
}

function checkCount(field: string, count: number, most: number): void {
  if (count > most) throw containerRequestErrors.tooMany({ field, count, most });
}

function checkLabels(labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  checkCount('labels', entries.length, MOST.labels);
  for (const [name, value] of entries) checkText(`label ${name}`, `${name}=${value}`, MOST.labelBytes);
}

function checkIsolation(isolation: readonly string[]): void {
  const seen = new Set<string>();
  for (const isolator of isolation) {
    if (seen.has(isolator)) throw containerRequestErrors.isolatorTwice({ isolator });
    seen.add(isolator);
  }
}
