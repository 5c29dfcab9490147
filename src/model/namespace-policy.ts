import type { NamespaceKind } from './launch-plan.ts';

/** Ids of the host: `first` and the `count - 1` after it. */
export interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** What whoever runs the engine decides for all its containers. */
export interface NamespacePolicy {
  /** Where user namespaces get their ids from; nothing else of the host may use them. */
  readonly idPool: IdRange;
  /** What a container gets that says nothing of users. */
  readonly userByDefault: 'host' | 'auto';
  /** Kinds that no container may share with the host. */
  readonly hostForbidden: readonly NamespaceKind[];
}

/** As many ids as an image may use: from 0 to `nobody` and its kin. */
export const DEFAULT_ID_COUNT = 65_536;

/**
 * The default pool lies above everything that shadow-utils (to 600 100 000) and systemd (to 1 879 048 191) hand out, and
 * below systemd's "foreign" range (systemd, docs/UIDS-GIDS.md): 4094 containers.
 */
export const DEFAULT_NAMESPACE_POLICY: NamespacePolicy = {
  idPool: { first: 1_879_048_192, count: 4094 * DEFAULT_ID_COUNT },
  userByDefault: 'host',
  hostForbidden: [],
};
