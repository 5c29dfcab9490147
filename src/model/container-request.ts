import { type ContainerRequest, checkRequest, checkTerminalSize, containerRequestErrors } from './check-request.ts';
import { parseVolumeName, parseVolumes } from './check-volume.ts';
import { completeResources } from './complete-resources.ts';
import type { ContainerConfig, ExecConfig, LogConfig, TerminalSize } from './container-config.ts';
import type { ContainerUid } from './container-id.ts';
import { parseContainerName } from './container-id.ts';
import { parseDevices } from './devices.ts';
import { parseFetches } from './fetch.ts';
import { parseHealthRequest, parseReadinessRequest } from './health.ts';
import { parseHooks } from './hooks.ts';
import { parseLandlock } from './landlock.ts';
import type { ProcessConfig, ProcessRequest } from './process-config.ts';
import { checkRestartable, completeRestartPolicy, type RestartPolicy } from './restart-policy.ts';
import { completeSecurity } from './security-config.ts';
import { checkText, MAX_ARGUMENT_BYTES, parseAbsolutePath } from './text-check.ts';
import { parseUser } from './user.ts';

/** 2 files of 16 MiB of CRI text. */
const DEFAULT_LOG: LogConfig = { format: 'cri', maxBytes: 16 << 20, maxFiles: 2 };

/**
 * Fills in every default and checks everything that can be checked without the host: a missing image is pulled, the
 * network is what the isolators make it (none, wherever there is one for that), stdio is pipes without stdin, nothing is bounded, the record is kept, and an empty name is for the
 * engine to choose.
 *
 * @throws {EngineError} `container-request.*`, `container-id.malformedName`, `devices.*`, `resources.*`, `number-list.*`, `text.*`, `user.*`,
 *   `volume.*` (invalid-argument)
 */
export function completeConfig(request: ContainerRequest): ContainerConfig {
  checkRequest(request);
  checkRestartable(wantedRestart(request), {
    ...{ autoRemove: request.autoRemove ?? false, parent: request.parent, secrets: secretsOf(request) },
  });
  return {
    name: request.name === undefined ? '' : parseContainerName(request.name),
    rootfs:
      request.rootfs.kind === 'directory'
        ? { kind: 'directory', path: parseAbsolutePath('root file system', request.rootfs.path) }
        : request.rootfs,
    pull: request.pull ?? 'missing',
    env: parseEnvironment(request.env ?? []),
    labels: request.labels ?? {},
    volumes: parseVolumes(request.volumes ?? []),
    devices: parseDevices(request.devices ?? []),
    deviceRules: request.deviceRules ?? [],
    process: completeProcess(request.process ?? {}),
    sysctls: request.sysctls ?? {},
    resources: completeResources(present({ ...request.resources })),
    readOnlyRootfs: request.readOnlyRootfs ?? false,
    init: request.init ?? false,
    terminal: request.terminal ?? false,
    stdin: request.stdin ?? false,
    owned: request.owned ?? false,
    log: { ...DEFAULT_LOG, ...present({ ...request.log }) },
    autoRemove: request.autoRemove ?? false,
    security: completeSecurity(request.security ?? {}),
    ...present({
      parent: request.parent,
      backend: request.backend,
      shareCgroups: request.shareCgroups === true ? true : undefined,
      debug: request.debug === true ? true : undefined,
      endsWithOwner: request.endsWithOwner === true ? true : undefined,
      entrypoint: parseArguments('entrypoint', request.entrypoint),
      command: parseArguments('command', request.command),
      workdir: parseWorkdir(request.workdir),
      user: checkedUser(request.user),
      hostname: request.hostname,
      terminalSize: request.terminalSize,
      network: request.namespaces?.networkOf === undefined ? request.network : 'container',
      isolation: request.isolation,
      landlock: request.landlock === undefined ? undefined : parseLandlock(request.landlock),
      namespaces: namespacesOf(request),
      hooks: request.hooks === undefined ? undefined : parseHooks(request.hooks),
      fetch: request.fetch === undefined || request.fetch.length === 0 ? undefined : parseFetches(request.fetch),
      volumesFrom: request.volumesFrom,
      diskLimitBytes: request.diskLimitBytes,
      diskEnforcement: request.diskEnforcement,
      stopSignal: request.stopSignal,
      stopGraceMs: request.stopGraceMs,
      restart: completeRestartPolicy(request.restart),
      health: request.health === undefined ? undefined : present({ ...parseHealthRequest(request.health) }),
      readiness: request.readiness === undefined ? undefined : parseReadinessRequest(request.readiness),
      secretVariables: parseSecretVariables(request.secretVariables),
    }),
  };
}

/** Its policy, or what its health check asks for without one. */
function wantedRestart({ restart, health }: ContainerRequest): RestartPolicy | undefined {
  return health?.onFailure === 'restart' ? (restart ?? { kind: 'on-failure' }) : restart;
}

/** Names of the secrets that it needs. */
export function secretsOf(one: Pick<ContainerRequest, 'volumes' | 'secretVariables'>): readonly string[] {
  const files = (one.volumes ?? []).flatMap((volume) => (volume.kind === 'secret' ? [volume.secret] : []));
  return [...files, ...(one.secretVariables ?? []).map(({ secret }) => secret)];
}

function completeProcess({ scheduler, ...process }: ProcessRequest): ProcessConfig {
  return present({
    ...process,
    scheduler: scheduler === undefined ? undefined : { policy: scheduler.policy, ...present({ ...scheduler }) },
  });
}

/** What a caller may say of an exec session. */
export interface ExecRequest {
  readonly command: readonly string[];
  readonly env?: readonly string[] | undefined;
  readonly workdir?: string | undefined;
  readonly user?: string | undefined;
  readonly terminal?: boolean | undefined;
  readonly terminalSize?: TerminalSize | undefined;
  readonly stdin?: boolean | undefined;
  readonly owned?: boolean | undefined;
  readonly endsWithEngine?: boolean | undefined;
}

/** As {@link completeConfig}, for a further process of a container. */
export function completeExecConfig(container: ContainerUid, request: ExecRequest): ExecConfig {
  const command = parseArguments('command', request.command) ?? [];
  if (command.length === 0) throw containerRequestErrors.emptyCommand({ field: 'command' });
  if (request.terminalSize !== undefined) checkTerminalSize(request.terminalSize);
  return {
    container,
    command,
    env: parseEnvironment(request.env ?? []),
    terminal: request.terminal ?? false,
    stdin: request.stdin ?? false,
    owned: request.owned ?? false,
    ...present({
      workdir: parseWorkdir(request.workdir),
      user: checkedUser(request.user),
      terminalSize: request.terminalSize,
      endsWithEngine: request.endsWithEngine === true ? true : undefined,
    }),
  };
}

type Defined<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** The fields that have a value: an absent one is a missing key everywhere in the model. */
export function present<Fields extends object>(fields: Fields): Defined<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<Fields>;
}

function parseArguments(field: string, words: readonly string[] | undefined): readonly string[] | undefined {
  if (words?.[0] === '') throw containerRequestErrors.emptyCommand({ field });
  return words?.map((word) => checkText(field, word, MAX_ARGUMENT_BYTES));
}

function parseEnvironment(env: readonly string[]): readonly string[] {
  return env.map((entry) => {
    if (entry === '' || entry.startsWith('=')) throw containerRequestErrors.malformedVariable({ entry });
    return checkText('environment entry', entry, MAX_ARGUMENT_BYTES);
  });
}

/** A variable is named as in `NAME=value`, and a secret as a volume is. */
function parseSecretVariables(variables: ContainerRequest['secretVariables']): ContainerConfig['secretVariables'] {
  return variables?.map(({ variable, secret }) => {
    if (variable === '' || variable.includes('=')) throw containerRequestErrors.malformedVariable({ entry: variable });
    checkText('variable of a secret', variable, MAX_ARGUMENT_BYTES);
    return { variable, secret: parseVolumeName('secret', secret) };
  });
}

/** Nothing said is nothing kept. */
function namespacesOf({ namespaces }: ContainerRequest): ContainerConfig['namespaces'] {
  const said = present({ ...namespaces });
  return Object.keys(said).length === 0 ? undefined : said;
}

function parseWorkdir(workdir: string | undefined): string | undefined {
  return workdir === undefined ? undefined : parseAbsolutePath('working directory', workdir);
}

/** The text stays as it is; it is looked up inside the root file system later. */
function checkedUser(user: string | undefined): string | undefined {
  if (user !== undefined) parseUser(user);
  return user;
}
