import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BackendName } from '../../model/backend.ts';
import { present } from '../../model/container-request.ts';
import type { DiskEnforcement } from '../../model/disk-quota.ts';
import { parseRestartPolicy } from '../../model/restart-policy.ts';
import type { CliContext } from './context.ts';
import { cliErrors } from './errors.ts';
import { parseFetch } from './fetch-option.ts';
import { type HealthOptions, healthOf, readinessOf } from './health-options.ts';
import { hooksOf } from './hook-options.ts';
import { type NamespaceOptions, namespacesOf, networkModeOf } from './namespace-options.ts';
import { type ProcessOptions, processFieldsOf } from './process-options.ts';
import { type ResourceOptions, resourcesOf } from './resource-options.ts';
import type { RightsOptions } from './rights-options.ts';
import { parseSecret } from './secret-options.ts';
import { securityOf } from './security-options.ts';
import {
  absoluteReference,
  environmentLines,
  parseBytes,
  parseCount,
  parseDevice,
  parseGrace,
  parseLabels,
  parseNames,
  parseSignal,
  resolveEnvironment,
} from './values.ts';
import { parseMount } from './volume-mount.ts';
import { parseTmpfs, parseVolume, parseVolumesFrom } from './volume-options.ts';

/** Options of `run` and `explain` as commander gives them. */
export interface RunOptions extends HealthOptions, NamespaceOptions, ProcessOptions, ResourceOptions, RightsOptions {
  readonly detach?: boolean;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly rm?: boolean;
  readonly name?: string;
  readonly parent?: string;
  readonly shareCgroups?: boolean;
  readonly label?: readonly string[];
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly hostname?: string;
  readonly entrypoint?: string;
  readonly volume?: readonly string[];
  readonly device?: readonly string[];
  readonly deviceCgroupRule?: readonly string[];
  readonly securityOpt?: readonly string[];
  readonly hook?: readonly string[];
  readonly mount?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly disk?: string;
  readonly diskEnforcement?: DiskEnforcement;
  readonly storageOpt?: readonly string[];
  readonly volumesFrom?: readonly string[];
  readonly secret?: readonly string[];
  readonly fetch?: readonly string[];
  readonly isolation?: string;
  readonly rootfs?: string;
  /** commander's name for `--no-image` left out. */
  readonly image: boolean;
  readonly stopSignal?: string;
  readonly stopTimeout?: string;
  readonly init?: boolean;
  readonly restart?: string;
  readonly logFormat?: string;
  readonly logMaxSize?: string;
  readonly logMaxFiles?: string;
  readonly readOnly?: boolean;
  readonly backend?: BackendName;
  readonly timings?: boolean;
  readonly securityReport?: boolean;
  readonly pull: 'missing' | 'always' | 'never';
  readonly platform?: string;
  readonly requireSignature?: boolean;
  readonly detachKeys: string;
  readonly json?: boolean;
}

type HostView = Pick<CliContext, 'cwd' | 'env'>;

/**
 * The body of a launch, from what was typed. Everything that depends on where we stand (paths, variables) is
 * settled here: the agent stands elsewhere.
 *
 * @param words what stands after the options: the image, unless there is none, and the command
 * @throws {EngineError} `cli.*` (invalid-argument)
 */
export function containerRequestOf(
  words: readonly string[],
  options: RunOptions,
  view: HostView,
): Readonly<Record<string, unknown>> {
  const { rootfs, command } = rootfsOf(words, options, view);
  const isolation = options.isolation === undefined ? undefined : parseNames('--isolation', options.isolation);
  return present({
    rootfs,
    command: command.length > 0 ? command : undefined,
    name: options.name,
    parent: options.parent,
    shareCgroups: options.shareCgroups,
    labels: parseLabels(options.label ?? []),
    env: environmentOf(options, view),
    workdir: options.workdir,
    user: options.user,
    hostname: options.hostname,
    entrypoint: options.entrypoint === undefined ? undefined : options.entrypoint === '' ? [] : [options.entrypoint],
    resources: resourcesOf(options),
    ...volumesOf(options, view),
    network: networkModeOf(options),
    namespaces: namespacesOf(options),
    devices: options.device?.map((value) => parseDevice(value)),
    deviceRules: options.deviceCgroupRule,
    isolation,
    security: securityOf(options, view),
    hooks: hooksOf(options.hook ?? [], view),
    fetch: options.fetch?.map((text) => parseFetch(text, view.cwd)),
    init: options.init,
    ...stopOf(options),
    restart: options.restart === undefined ? undefined : parseRestartPolicy(options.restart),
    health: healthOf(options),
    readiness: readinessOf(options),
    readOnlyRootfs: options.readOnly,
    backend: options.backend,
    log: logOf(options),
    autoRemove: options.rm,
    terminal: options.tty,
    stdin: options.interactive,
    ...processFieldsOf(options),
  });
}

/** Everything that is mounted, and the secrets, whose values go beside it. */
function volumesOf(options: RunOptions, view: HostView): Readonly<Record<string, unknown>> {
  const readBytes = (option: string, path: string) => readFile(option, resolve(view.cwd, path));
  const secrets = (options.secret ?? []).map((text) => parseSecret(text, { env: view.env, readFile: readBytes }));
  const variables = secrets.flatMap(({ variable }) => variable ?? []);
  const from = (options.volumesFrom ?? []).map(parseVolumesFrom);
  return present({
    volumes: [
      ...(options.volume ?? []).map((value) => parseVolume(value, view.cwd)),
      ...(options.mount ?? []).map((value) => parseMount(value, view.cwd)),
      ...(options.tmpfs ?? []).map(parseTmpfs),
      ...secrets.flatMap(({ volume }) => volume ?? []),
    ],
    volumesFrom: from.length === 0 ? undefined : from,
    secretVariables: variables.length === 0 ? undefined : variables,
    diskLimitBytes: diskLimitOf(options),
    diskEnforcement: options.diskEnforcement,
    secrets: secrets.length === 0 ? undefined : Object.fromEntries(secrets.map(({ name, value }) => [name, value])),
  });
}

/** `--disk`, or `size` of `--storage-opt`, which has nothing else to say. @throws {EngineError} `cli.badValue` */
function diskLimitOf({ disk, storageOpt = [] }: RunOptions): number | undefined {
  const sizes = storageOpt.map((value) => {
    const size = /^size=(.+)$/.exec(value)?.[1];
    if (size === undefined) throw cliErrors.badValue({ option: '--storage-opt', value, wanted: 'size=BYTES' });
    return size;
  });
  const all = [...(disk === undefined ? [] : [disk]), ...sizes].map((size) => parseBytes('--disk', size));
  if (new Set(all).size > 1) {
    throw cliErrors.badValue({ option: '--disk', value: all.join(' and '), wanted: 'one size, given once' });
  }
  return all[0];
}

/** Variables of `-e` and of environment files, files first so that `-e` wins. @throws {EngineError} `cli.*` */
export function environmentOf(
  options: { readonly env?: readonly string[]; readonly envFile?: readonly string[] },
  view: HostView,
): readonly string[] {
  const fromFiles = (options.envFile ?? []).flatMap((path) => {
    const lines = environmentLines(readFile('--env-file', resolve(view.cwd, path)).toString('utf8'));
    // A name in a file that we have no value of says nothing, as with Docker.
    return resolveEnvironment('--env-file', lines, view.env).filter((entry) => entry.includes('='));
  });
  return [...fromFiles, ...resolveEnvironment('--env', options.env ?? [], view.env)];
}

function rootfsOf(words: readonly string[], options: RunOptions, view: HostView) {
  if (options.rootfs !== undefined && !options.image) throw cliErrors.bothRootfs();
  if (options.rootfs === '') throw cliErrors.badValue({ option: '--rootfs', value: '', wanted: 'a directory' });
  if (options.rootfs !== undefined) {
    return { rootfs: { kind: 'directory', path: resolve(view.cwd, options.rootfs) }, command: words };
  }
  if (!options.image) return { rootfs: { kind: 'none' }, command: words };
  const [reference, ...command] = words;
  if (reference === undefined || reference === '') throw cliErrors.noImage();
  return { rootfs: { kind: 'image', reference: absoluteReference(reference, view.cwd) }, command };
}

function stopOf({ stopSignal, stopTimeout }: RunOptions): Readonly<Record<string, unknown>> {
  return {
    stopSignal: stopSignal === undefined ? undefined : parseSignal('--stop-signal', stopSignal),
    stopGraceMs: stopTimeout === undefined ? undefined : parseGrace('--stop-timeout', stopTimeout),
  };
}

function logOf({ logFormat, logMaxSize, logMaxFiles }: RunOptions): Readonly<Record<string, unknown>> | undefined {
  const log = present({
    format: logFormat,
    maxBytes: logMaxSize === undefined ? undefined : parseBytes('--log-max-size', logMaxSize),
    maxFiles: logMaxFiles === undefined ? undefined : parseCount('--log-max-files', logMaxFiles, 1),
  });
  return Object.keys(log).length === 0 ? undefined : log;
}

function readFile(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw cliErrors.unreadableFile({ option, path, reason: error instanceof Error ? error.message : String(error) });
  }
}
