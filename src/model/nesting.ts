import { defineErrors } from './error.ts';
import type { NamespaceRequest } from './namespace-config.ts';
import type { Resources } from './resources.ts';
import { checkText } from './text-check.ts';
import type { VolumeRequest } from './volume.ts';

/**
 * Containers in containers, the outermost counted: the kernel has no more than 32 pid namespaces in one another
 * (MAX_PID_NS_LEVEL, include/linux/pid_namespace.h), and their groups are walked no deeper (native/steps/cgroup_walk.c).
 */
export const MAX_DEPTH = 32;

/** A path of as many names. */
const MOST_PARENT_BYTES = MAX_DEPTH * 243;

export const nestingErrors = defineErrors('nesting', {
  noParent: {
    kind: 'invalid-argument',
    message: (d: { option: string }) => `${d.option} was asked for, and this container has no parent`,
    remedy: () => 'name the container that it is to live in: --parent',
  },
  userOfParent: {
    kind: 'invalid-argument',
    message: (d: { user: string }) =>
      `user namespace ${d.user} was asked for, and a nested container lives in that of its parent`,
    remedy: () => 'leave --userns out, or give the outermost container the user namespace',
  },
  pidOutside: {
    kind: 'invalid-argument',
    message: (d: { pid: string }) =>
      `the processes of ${d.pid} were to be shared, and those of a nested container lie within its parent's`,
    remedy: () => 'use --pid parent, or leave it out',
  },
  sharedLimit: {
    kind: 'invalid-argument',
    message: (d: { limit: string }) =>
      `${d.limit} was asked for, and the container is to share the groups of its parent, which hold its limits`,
    remedy: () => 'leave out one of them',
  },
});

/** What checking a nested container needs to know of a request. */
interface NestingRequest {
  readonly parent?: string | undefined;
  readonly shareCgroups?: boolean | undefined;
  readonly debug?: boolean | undefined;
  readonly namespaces?: NamespaceRequest | undefined;
  readonly resources?: { readonly [Name in keyof Resources]?: Resources[Name] | undefined } | undefined;
  readonly isolation?: readonly string[] | undefined;
  readonly volumes?: readonly VolumeRequest[] | undefined;
}

/** What a container in a container may say, and only such a one. @throws {EngineError} `nesting.*` (invalid-argument) */
export function checkNesting(request: NestingRequest): void {
  const { parent, namespaces = {}, shareCgroups, resources, isolation } = request;
  const { user, pid } = namespaces;
  if (parent === undefined) {
    const option = optionOfNested(request);
    if (option !== undefined) throw nestingErrors.noParent({ option });
    return;
  }
  checkText('parent', parent, MOST_PARENT_BYTES);
  if (parent === '') throw nestingErrors.noParent({ option: 'an empty name as parent' });
  if (user !== undefined) throw nestingErrors.userOfParent({ user: user.kind });
  if (pid !== undefined && pid.kind !== 'private' && pid.kind !== 'parent') {
    throw nestingErrors.pidOutside({ pid: pid.kind === 'container' ? `container ${pid.container}` : 'the host' });
  }
  checkSharedGroups({ shareCgroups, resources, isolation });
}

/**
 * One that shares the groups of its parent has no limits, neither from its launch nor from an update: they would be
 * those of the parent. @throws {EngineError} `nesting.sharedLimit`
 */
export function checkSharedGroups(request: Pick<NestingRequest, 'shareCgroups' | 'resources' | 'isolation'>): void {
  const { shareCgroups, resources = {}, isolation = [] } = request;
  if (shareCgroups !== true) return;
  const [limit] = Object.entries(resources).find(([, value]) => value !== undefined) ?? [];
  const isolator = isolation.find((name) => name.startsWith('cgroups/'));
  if (limit !== undefined) throw nestingErrors.sharedLimit({ limit: `a limit (${limit})` });
  if (isolator !== undefined) throw nestingErrors.sharedLimit({ limit: `isolator ${isolator}` });
}

/** What means nothing without a parent. */
function optionOfNested({ namespaces = {}, shareCgroups, debug, volumes = [] }: NestingRequest): string | undefined {
  for (const kind of ['pid', 'ipc', 'uts', 'user'] as const) {
    if (namespaces[kind]?.kind === 'parent') return `the ${kind} namespace of a parent`;
  }
  if (shareCgroups === true) return 'sharing the groups of a parent';
  if (debug === true) return 'a look into a parent';
  const sandbox = volumes.find((volume) => volume.kind === 'sandbox' && volume.of === 'parent');
  return sandbox === undefined ? undefined : `the sandbox directory of a parent at ${sandbox.containerPath}`;
}
