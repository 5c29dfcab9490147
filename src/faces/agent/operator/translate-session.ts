import type { ExecRequest } from '../../../model/container-request.ts';
import type { SessionCall } from './call-schemas.ts';
import { operatorErrors } from './errors.ts';
import { commandOf, type TranslatedLaunch, terminalOf, translateLaunch } from './translate-launch.ts';

type LinuxInfo = NonNullable<NonNullable<SessionCall['container']>['linux_info']>;

/** What a session is here: a further process of its container, or a container in it that brings tools of its own. */
export type TranslatedSession =
  | { readonly kind: 'process'; readonly request: ExecRequest }
  | { readonly kind: 'container'; readonly launch: TranslatedLaunch };

/**
 * LAUNCH_NESTED_CONTAINER_SESSION in our own words. Without an image it is confined exactly as its container is; with
 * one it shares the processes, the groups and the network of its container, beside a root of its own. Pure.
 *
 * @throws {EngineError} `operator.*` and what `completeConfig` refuses (invalid-argument)
 */
export function translateSession(call: SessionCall): TranslatedSession {
  const { container, command = {} } = call;
  const { linux_info: linux = {} } = container ?? {};
  checkSharing(linux);
  if (container?.mesos?.image !== undefined) {
    const shared: LinuxInfo = {
      ...linux,
      ...{ share_pid_namespace: true, share_cgroups: true },
      ...(linux.shm_size === undefined ? { ipc_mode: 'SHARE_PARENT' } : {}),
    };
    const launch = translateLaunch({ ...call, container: { ...container, linux_info: shared } });
    return {
      kind: 'container',
      launch: { ...launch, config: { ...launch.config, owned: true, endsWithEngine: true } },
    };
  }
  checkNothingOfItsOwn(call, linux);
  const { entrypoint = [], command: words = [] } = commandOf(command, false);
  const variables = command.environment?.variables ?? [];
  const request: ExecRequest = {
    command: [...entrypoint, ...words],
    env: variables.map(({ name, value }) => `${name}=${value}`),
    user: command.user,
    ...terminalOf(container),
    ...{ stdin: true, owned: true, endsWithEngine: true },
  };
  return { kind: 'process', request };
}

function checkSharing({ share_cgroups, share_pid_namespace, ipc_mode }: LinuxInfo): void {
  const refused = (field: string): Error =>
    operatorErrors.unsupported({ field: `linux_info.${field}`, reason: 'a session shares this with its container' });
  if (share_cgroups === false) throw refused('share_cgroups');
  if (share_pid_namespace === false) throw refused('share_pid_namespace');
  if (ipc_mode === 'PRIVATE') throw refused('ipc_mode');
}

function checkNothingOfItsOwn({ container, command }: SessionCall, linux: LinuxInfo): void {
  const refused = (field: string): Error =>
    operatorErrors.unsupported({ field, reason: 'a session without an image has what its container has' });
  const variables = command?.environment?.variables ?? [];
  if (variables.some(({ type = 'VALUE', value, secret }) => type === 'SECRET' || value === undefined || secret)) {
    throw operatorErrors.unsupported({
      field: 'command.environment',
      reason: 'a session takes variables of type VALUE alone',
    });
  }
  if ((command?.uris ?? []).length > 0) throw refused('command.uris');
  if (container?.hostname !== undefined) throw refused('container.hostname');
  if ((container?.volumes ?? []).length > 0) throw refused('container.volumes');
  if (container?.rlimit_info !== undefined) throw refused('container.rlimit_info');
  for (const field of ['effective_capabilities', 'bounding_capabilities', 'seccomp', 'shm_size'] as const) {
    if (linux[field] !== undefined) throw refused(`linux_info.${field}`);
  }
}
