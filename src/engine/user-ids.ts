import type { UndoStack } from '../base/undo-stack.ts';
import type { Isolator } from '../isolators/isolator.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import { defineErrors } from '../model/error.ts';
import type { LaunchPlan, RootfsRecipe, UserNamespacePlan } from '../model/launch-plan.ts';
import type { UserNamespaceChoice } from '../model/namespace-config.ts';
import { DEFAULT_ID_COUNT, DEFAULT_NAMESPACE_POLICY, type NamespacePolicy } from '../model/namespace-policy.ts';
import type { Container } from './container.ts';
import type { EngineHost, EngineOptions } from './host.ts';
import { type HeldIds, IdRanges } from './id-ranges.ts';
import { type MappedKind, MappingProbe } from './mapping-probe.ts';
import { isStartable } from './restart-status.ts';

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
  const { subject, isolators, recipe, undo, parent } = request;
  const { uid, config } = subject;
  if (!isolators.some(({ name }) => name === 'namespaces/user')) return undefined;
  const before = host.idRanges.of(uid);
  const ids = idsFor(host, { uid, choice: config.namespaces?.user, parent });
  if (ids === undefined) return undefined;
  undo.push('ids of the user namespace', async () => host.idRanges.release(uid));
  const files = await howFilesShow(host, recipe, before);
  host.idRanges.hold(uid, { ...ids, files });
  return { ...ids, files };
}

/** Those of a parent are its own as long as it lives, and no longer does anything that lives in it. */
function idsFor(
  { idRanges }: EngineHost,
  { uid, choice, parent }: { uid: string; choice: UserNamespaceChoice | undefined; parent: LaunchPlan | undefined },
): HeldIds | undefined {
  if (choice?.kind === 'parent') return parent?.userNamespace && idRanges.hold(uid, parent.userNamespace);
  if (choice?.kind === 'map') return idRanges.hold(uid, choice);
  return idRanges.take(uid, choice?.kind === 'auto' ? choice.count : DEFAULT_ID_COUNT);
}

/**
 * Files that were given other owners in an earlier life have them still, whatever can be done now. A directory of the caller's is
 * on a file system of its own; the launch itself will tell.
 *
 * @throws {EngineError} `engine.sharedOwners`
 */
async function howFilesShow(
  host: EngineHost,
  recipe: RootfsRecipe | undefined,
  before: HeldIds | undefined,
): Promise<UserNamespacePlan['files']> {
  if (before?.files === 'shifted') return 'shifted';
  if (recipe === undefined || recipe.kind === 'directory') return 'idmapped';
  const { kind } = recipe;
  if (await host.mappingProbe.works(kind === 'copy' || kind === 'bind' ? 'tree' : 'overlay')) return 'idmapped';
  if (kind === 'bind') throw userErrors.sharedOwners({ layer: recipe.path });
  return 'shifted';
}

/** How the files of a container on disk show the ids of its user namespace; `undefined` where it has none. */
export async function filesOnDisk(
  host: EngineHost,
  { uid, config }: Pick<Container, 'uid' | 'config'>,
  what: MappedKind,
): Promise<UserNamespacePlan['files'] | undefined> {
  const { kind = 'host' } = config.namespaces?.user ?? {};
  if (kind === 'host') return undefined;
  return host.idRanges.of(uid)?.files ?? ((await host.mappingProbe.works(what)) ? 'idmapped' : 'shifted');
}

/**
 * Whether its ids stay known after its end: files of one that may be started again show them, and those of one that lives in
 * another one's user namespace keep nobody from any. Pure.
 */
export function keepsIds({ config }: Pick<Container, 'config'>): boolean {
  return isStartable({ config }) || (config.parent !== undefined && !config.autoRemove);
}

/** The config with what the engine's policy says where the caller said nothing. */
export function withUserDefault({ userByDefault }: NamespacePolicy, config: ContainerConfig): ContainerConfig {
  const { namespaces, rootfs, isolation, parent } = config;
  const isOpen = namespaces?.user === undefined && isolation === undefined && rootfs.kind !== 'none' && !parent;
  const sharesProcesses = namespaces?.pid !== undefined && namespaces.pid.kind !== 'private';
  if (userByDefault === 'host' || !isOpen || sharesProcesses) return config;
  return { ...config, namespaces: { ...namespaces, user: { kind: 'auto', count: DEFAULT_ID_COUNT } } };
}
