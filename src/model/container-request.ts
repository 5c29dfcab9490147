import type {
  ContainerConfig,
  HostPathVolume,
  LogConfig,
  NetworkMode,
  PullPolicy,
  Resources,
  RootfsSource,
  TerminalSize,
} from './container-config.ts';
import { parseContainerName } from './container-id.ts';
import { defineErrors } from './error.ts';

export const containerRequestErrors = defineErrors('container-request', {
  relativePath: {
    kind: 'invalid-argument',
    message: (d: { field: string; path: string }) => `${d.field} ${JSON.stringify(d.path)} is not an absolute path`,
    remedy: () => 'write the path from / on',
  },
  badLimit: {
    kind: 'invalid-argument',
    message: (d: { field: string; value: number; least: number }) =>
      `${d.field} ${d.value} is not a whole number of at least ${d.least}`,
  },
  badEnvironment: {
    kind: 'invalid-argument',
    message: (d: { entry: string }) => `environment entry ${JSON.stringify(d.entry)} is not NAME=value`,
  },
  badHostname: {
    kind: 'invalid-argument',
    message: (d: { hostname: string }) =>
      `hostname ${JSON.stringify(d.hostname)} is not 1 to 64 letters, digits, dots and dashes`,
  },
  noCommand: {
    kind: 'invalid-argument',
    message: () => 'a container without an image has no command of its own, and none was given',
    remedy: () => 'name the command to run',
  },
  terminalSize: {
    kind: 'invalid-argument',
    message: (d: { rows: number; columns: number }) =>
      `terminal of ${d.rows} rows and ${d.columns} columns is not within 1 to 65535`,
  },
});

/** The least memory that the kernel lets a command start with: less is a mistake in the unit. */
const LEAST_MEMORY_BYTES = 1 << 20;
const DEFAULT_LOG: LogConfig = { format: 'cri', maxBytes: 16 << 20, maxFiles: 2 };

/** What a caller must and may say of a container; a missing field takes the default that `completeConfig` documents. */
export interface ContainerRequest {
  /** Missing: the engine makes one up. */
  readonly name?: string | undefined;
  readonly rootfs: RootfsSource;
  readonly pull?: PullPolicy | undefined;
  readonly entrypoint?: readonly string[] | undefined;
  readonly command?: readonly string[] | undefined;
  readonly env?: readonly string[] | undefined;
  readonly workdir?: string | undefined;
  readonly user?: string | undefined;
  readonly hostname?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly network?: NetworkMode | undefined;
  readonly volumes?: readonly HostPathVolume[] | undefined;
  readonly resources?: Partial<{ readonly [K in keyof Resources]: Resources[K] | undefined }> | undefined;
  readonly readOnlyRootfs?: boolean | undefined;
  readonly init?: boolean | undefined;
  readonly terminal?: boolean | undefined;
  readonly terminalSize?: TerminalSize | undefined;
  readonly stdin?: boolean | undefined;
  readonly owned?: boolean | undefined;
  readonly log?: Partial<{ readonly [K in keyof LogConfig]: LogConfig[K] | undefined }> | undefined;
  readonly autoRemove?: boolean | undefined;
  readonly isolation?: readonly string[] | undefined;
}

/**
 * Fills in every default (the name stays empty for the engine to choose; pull a missing image, no network, pipes, CRI log of 2 × 16 MiB, nothing bounded, kept
 * after its end) and checks what can be checked without the host.
 *
 * @throws {EngineError} `container-request.*` and `container-id.malformedName` (invalid-argument)
 */
export function completeConfig(request: ContainerRequest): ContainerConfig {
  check(request);
  return {
    name: request.name === undefined ? '' : parseContainerName(request.name),
    rootfs: request.rootfs,
    pull: request.pull ?? 'missing',
    env: request.env ?? [],
    labels: request.labels ?? {},
    network: request.network ?? 'none',
    volumes: request.volumes ?? [],
    resources: present({ ...request.resources }),
    readOnlyRootfs: request.readOnlyRootfs ?? false,
    init: request.init ?? false,
    terminal: request.terminal ?? false,
    stdin: request.stdin ?? false,
    owned: request.owned ?? false,
    log: { ...DEFAULT_LOG, ...present({ ...request.log }) },
    autoRemove: request.autoRemove ?? false,
    ...present({
      entrypoint: request.entrypoint,
      command: request.command,
      workdir: request.workdir,
      user: request.user,
      hostname: request.hostname,
      terminalSize: request.terminalSize,
      isolation: request.isolation,
    }),
  };
}

/** @throws {EngineError} `container-request.badEnvironment` */
export function checkEnvironment(env: readonly string[]): void {
  for (const entry of env) {
    if (entry.indexOf('=') < 1) throw containerRequestErrors.badEnvironment({ entry });
  }
}

type Present<Fields> = { [K in keyof Fields]?: Exclude<Fields[K], undefined> };

/** The fields that are not undefined: an absent optional is a missing key everywhere in the model. */
export function present<Fields extends object>(fields: Fields): Present<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<Fields>;
}

function check(request: ContainerRequest): void {
  checkEnvironment(request.env ?? []);
  if (request.workdir !== undefined) checkAbsolute('workdir', request.workdir);
  if (request.rootfs.kind === 'directory') checkAbsolute('rootfs', request.rootfs.path);
  for (const volume of request.volumes ?? []) {
    checkAbsolute('volume host path', volume.hostPath);
    checkAbsolute('volume container path', volume.containerPath);
  }
  checkLimit('memory limit', request.resources?.memoryLimitBytes, LEAST_MEMORY_BYTES);
  checkLimit('cpu limit in thousandths', request.resources?.cpuMillis, 1);
  checkLimit('pids limit', request.resources?.pidsLimit, 1);
  checkLimit('log size', request.log?.maxBytes, 1 << 16);
  checkLimit('log file count', request.log?.maxFiles, 1);
  if (request.hostname !== undefined && !/^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?$/.test(request.hostname)) {
    throw containerRequestErrors.badHostname({ hostname: request.hostname });
  }
  checkTerminalSize(request.terminalSize);
  const commandLine = [...(request.entrypoint ?? []), ...(request.command ?? [])];
  if (request.rootfs.kind !== 'image' && commandLine.length === 0) throw containerRequestErrors.noCommand();
}

function checkAbsolute(field: string, path: string): void {
  if (!path.startsWith('/')) throw containerRequestErrors.relativePath({ field, path });
}

function checkLimit(field: string, value: number | undefined, least: number): void {
  if (value !== undefined && (!Number.isSafeInteger(value) || value < least)) {
    throw containerRequestErrors.badLimit({ field, value, least });
  }
}

/** @throws {EngineError} `container-request.terminalSize` */
export function checkTerminalSize(size: TerminalSize | undefined): void {
  if (size === undefined) return;
  const { rows, columns } = size;
  const fits = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= 65535;
  if (!fits(rows) || !fits(columns)) throw containerRequestErrors.terminalSize({ rows, columns });
}
