import { pathToFileURL } from 'node:url';
import type { ContainerRequest } from '../../../model/check-request.ts';
import type { ContainerConfig, PullPolicy, RootfsSource } from '../../../model/container-config.ts';
import { completeConfig } from '../../../model/container-request.ts';
import type { FetchRequest } from '../../../model/fetch.ts';
import type { LauncherKind } from '../../../model/launcher-kind.ts';
import type { SecretValues, VolumeRequest } from '../../../model/volume.ts';
import type { LaunchCall } from './call-schemas.ts';
import { isNested, pathOf } from './container-ids.ts';
import { operatorErrors } from './errors.ts';
import { linuxOf, rlimitsOf } from './translate-linux.ts';
import { resourcesOf } from './translate-resources.ts';

type Container = NonNullable<LaunchCall['container']>;
type Command = NonNullable<LaunchCall['command']>;
type MesosUri = NonNullable<Command['uris']>[number];
type MesosVolume = NonNullable<Container['volumes']>[number];

/** Names of secrets in a config: the calls give them none. */
const secretName = (what: string, index: number): string => `${what}-${index}`;

/** What a launch is as a config of ours, and the values of its secrets. */
export interface TranslatedLaunch {
  readonly config: ContainerConfig;
  readonly secrets: SecretValues;
}

/**
 * LAUNCH_CONTAINER in our own words. Its namespaces, rights and network are as Mesos has them: without `network_infos` a
 * container has the network of the host, and one that lives in another that of its parent. Its command is the child of a
 * reaper where it would else be the first process of a pid namespace, which gets no signal that it has no handler for. Pure.
 *
 * @param launcher of `posix` no container has a pid namespace
 * @throws {EngineError} `operator.*` and what `completeConfig` refuses (invalid-argument)
 */
export function translateLaunch(
  { container_id: id, command = {}, container, ...bounds }: LaunchCall,
  launcher: LauncherKind = 'linux',
): TranslatedLaunch {
  const secrets = new Map<string, Uint8Array>();
  const image = container?.mesos?.image;
  const rootfs: RootfsSource = image === undefined ? { kind: 'none' } : { kind: 'image', reference: image.docker.name };
  const request: ContainerRequest = {
    name: id.value,
    rootfs,
    pull: pullPolicy(image?.cached),
    ...commandOf(command, image !== undefined),
    ...environmentOf(command, secrets),
    fetch: (command.uris ?? []).map(fetchOf),
    user: command.user,
    hostname: container?.hostname,
    ...(isNested(id) ? { parent: pathOf(id.parent) } : { network: 'host' }),
    volumes: (container?.volumes ?? []).map((volume, index) => volumeOf(volume, { index, secrets })),
    ...resourcesOf(bounds),
    ...linuxOf(container?.linux_info ?? {}, { isNested: isNested(id), isBounded: isBounded(bounds) }),
    init: launcher === 'linux' && container?.linux_info?.share_pid_namespace !== true,
    process: { rlimits: rlimitsOf(container) },
    ...terminalOf(container),
    stdin: true,
  };
  return { config: completeConfig(request), secrets };
}

/** A file that is to be executed is none to unpack, and a path is one of the agent's host, as Mesos has it. */
function fetchOf({ value, executable, extract, cache, output_file: output }: MesosUri): FetchRequest {
  const uri = value.startsWith('/') ? pathToFileURL(value).href : value;
  return { uri, executable, cache, output, extract: executable === true || extract === false ? false : undefined };
}

function isBounded({ resources = [], limits = {} }: Pick<LaunchCall, 'resources' | 'limits'>): boolean {
  return resources.length > 0 || Object.values(limits).some((limit) => limit !== undefined);
}

/** `cached` is true unless said, and means: what the store has will do. */
function pullPolicy(cached = true): PullPolicy {
  return cached ? 'missing' : 'always';
}

/**
 * The table of Mesos's docker/runtime isolator: a shell runs `value`; without a shell `value` is the program and `arguments`
 * its argv, name included; without a value the image has the program, and `arguments` take the place of its Cmd.
 */
export function commandOf({ shell = true, value, arguments: words = [] }: Command, hasImage: boolean) {
  if (shell) {
    if (value === undefined)
      throw operatorErrors.invalidCall({ reason: 'command.value is missing, which a shell needs' });
    return { entrypoint: [], command: ['/bin/sh', '-c', value] };
  }
  if (value !== undefined) return { entrypoint: [], command: [value, ...words.slice(1)] };
  if (!hasImage) throw operatorErrors.invalidCall({ reason: 'command.value is missing, and no image has a command' });
  return words.length === 0 ? {} : { command: words };
}

function environmentOf({ environment }: Command, secrets: Map<string, Uint8Array>) {
  const env: string[] = [];
  const secretVariables: { variable: string; secret: string }[] = [];
  for (const [index, { name, type = 'VALUE', value, secret }] of (environment?.variables ?? []).entries()) {
    const isSecret = type === 'SECRET';
    if (isSecret ? secret === undefined || value !== undefined : value === undefined || secret !== undefined) {
      const reason = `environment variable ${name} of type ${type} has not exactly the field ${isSecret ? 'secret' : 'value'}`;
      throw operatorErrors.invalidCall({ reason });
    }
    if (secret === undefined) env.push(`${name}=${value}`);
    else
      secretVariables.push({ variable: name, secret: keep(secrets, secretName('variable', index), secret.value.data) });
  }
  return { env, secretVariables: secretVariables.length === 0 ? undefined : secretVariables };
}

function keep(secrets: Map<string, Uint8Array>, name: string, data: string): string {
  secrets.set(name, Buffer.from(data, 'base64'));
  return name;
}

const PROPAGATION = { HOST_TO_CONTAINER: 'slave', BIDIRECTIONAL: 'shared' } as const;

function volumeOf(
  { container_path: containerPath, mode, host_path: hostPath, image, source }: MesosVolume,
  { index, secrets }: { readonly index: number; readonly secrets: Map<string, Uint8Array> },
): VolumeRequest {
  const given = [hostPath, image, source].filter((one) => one !== undefined).length;
  if (given !== 1) {
    throw operatorErrors.invalidCall({ reason: `volume ${containerPath} has ${given} sources, and one is needed` });
  }
  const placed = { containerPath, readOnly: mode === 'RO' };
  if (hostPath !== undefined) return { kind: 'host-path', hostPath, ...placed };
  if (image !== undefined) return { kind: 'image', reference: image.docker.name, ...placed };
  switch (source?.type) {
    case 'HOST_PATH': {
      const propagation = source.host_path.mount_propagation?.mode;
      const shown = propagation === undefined ? {} : { propagation: PROPAGATION[propagation] };
      return { kind: 'host-path', hostPath: source.host_path.path, ...placed, ...shown };
    }
    case 'SANDBOX_PATH': {
      const { type = 'SELF', path } = source.sandbox_path;
      return { kind: 'sandbox', of: type === 'SELF' ? 'self' : 'parent', path, ...placed };
    }
    default: {
      const data = source?.type === 'SECRET' ? source.secret.value.data : '';
      return { kind: 'secret', secret: keep(secrets, secretName('volume', index), data), ...placed };
    }
  }
}

export function terminalOf(container: Container | undefined) {
  const { tty_info: terminal } = container ?? {};
  return { terminal: terminal !== undefined, terminalSize: terminal?.window_size };
}
