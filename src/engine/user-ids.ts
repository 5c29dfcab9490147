import type { UndoStack } from '../base/undo-stack.ts';
import type { Isolator } from '../isolators/isolator.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import { defineErrors } from '../model/error.ts';
import type { LaunchPlan, RootfsRecipe, UserNamespacePlan } from '../model/launch-plan.ts';
import { DEFAULT_ID_COUNT, DEFAULT_NAMESPACE_POLICY, type NamespacePolicy } from '../model/namespace-policy.ts';
import type { EngineHost, EngineOptions } from './host.ts';
import { IdRanges } from './id-ranges.ts';
import { MappingProbe } from './mapping-probe.ts';

export const userErrors = defineErrors('engine', {
  sharedOwners: {
    kind: 'failed-precondition',
    message: (d: { layer: string }) =>
      `backend bind shows layer ${d.layer} itself, and this host cannot show its owners as those of a user namespace`,
    remedy: () => 'take another backend, which has files of its own to give other owners',
  },
});

/** What an open engine has for user namespaces. */
export function userNamespaceParts(
  options: EngineOptions,
): Pick<EngineHost, 'namespacePolicy' | 'idRanges' | 'mappingProbe'> {
  const namespacePolicy = options.namespacePolicy ?? DEFAULT_NAMESPACE_POLICY;
  return {
    namespacePolicy,
    idRanges: new IdRanges(namespacePolicy.idPool),
    mappingProbe: new MappingProbe(options),
  };
}

/** What `setAsideIds` needs of a plan that is to be made. */
interface IdRequest {
  readonly subject: { readonly uid: string; readonly config: ContainerConfig };
  readonly isolators: readonly Isolator[];
  readonly recipe: RootfsRecipe | undefined;
  readonly undo: UndoStack;
  /** Of a nested container. */
  readonly parent?: LaunchPlan | undefined;
}

/**
 * The ids of a container with a user namespace, its own from here on, and how files come to show them.
 *
 * @returns `undefined` for a container without one
 * @throws {EngineError} `engine.noFreeIds` (resource-exhausted)
 */
export async function setAsideIds(host: EngineHost, request: IdRequest): Promise<UserNamespacePlan | undefined> {
  const { subject, isolators, recipe, undo } = request;
  if (!isolators.some(({ name }) => name === 'namespaces/user')) return undefined;
  const choice = subject.config.namespaces?.user;
  if (choice?.kind === 'parent') return idsOfParent(host, request);
  const ids =
    choice?.kind === 'map'
      ? host.idRanges.hold(subject.uid, choice)
      : host.idRanges.take(subject.uid, choice?.kind === 'auto' ? choice.count : DEFAULT_ID_COUNT);
  undo.push('ids of the user namespace', async () => host.idRanges.release(subject.uid));
  return { ...ids, files: await howFilesShow(host, recipe) };
}

/** They are the parent's as long as it lives, and no longer does anything that lives in it. */
async function idsOfParent(host: EngineHost, { parent, recipe }: IdRequest): Promise<UserNamespacePlan | undefined> {
  if (parent?.userNamespace === undefined) return undefined;
  const { uids, gids } = parent.userNamespace;
  return { uids, gids, files: await howFilesShow(host, recipe) };
}

/** A directory of the caller's is on a file system of its own; the launch itself will tell. @throws {EngineError} `engine.sharedOwners` */
async function howFilesShow(host: EngineHost, recipe: RootfsRecipe | undefined): Promise<UserNamespacePlan['files']> {
  if (recipe === undefined || recipe.kind === 'directory') return 'idmapped';
  const { kind } = recipe;
  if (await host.mappingProbe.works(kind === 'copy' || kind === 'bind' ? 'tree' : 'overlay')) return 'idmapped';
  if (kind === 'bind') throw userErrors.sharedOwners({ layer: recipe.path });
  return 'shifted';
}

/** The config with what the engine's policy says where the caller said nothing. */
export function withUserDefault({ userByDefault }: NamespacePolicy, config: ContainerConfig): ContainerConfig {
  const { namespaces, rootfs, isolation, parent } = config;
  const isOpen = namespaces?.user === undefined && isolation === undefined && rootfs.kind !== 'none' && !parent;
  const sharesProcesses = namespaces?.pid !== undefined && namespaces.pid.kind !== 'private';
  if (userByDefault === 'host' || !isOpen || sharesProcesses) return config;
  return { ...config, namespaces: { ...namespaces, user: { kind: 'auto', count: DEFAULT_ID_COUNT } } };
}
