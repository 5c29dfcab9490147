import type { Contribution } from '../model/launch-plan.ts';

/**
 * How the values that several isolators give for one field become one.
 *
 * - `union`: lists; an item that two want is there once, and belongs to the first.
 * - `unique-target`: mounts; two at one target conflict.
 * - `one-writer`: a second isolator that gives a value conflicts, whatever the value.
 * - `agree`: a switch; who turns it on first owns it.
 * - `agree-by-key`: keyed values; two values for one key conflict, the same value twice is fine.
 */
export type Law = 'union' | 'unique-target' | 'one-writer' | 'agree' | 'agree-by-key';

/** The law of every field of a contribution; a new field does not compile without one. */
const LAWS = {
  namespaces: 'union',
  userNamespace: 'one-writer',
  joins: 'union',
  timeOffsets: 'one-writer',
  rootfs: 'one-writer',
  readOnlyRootfs: 'agree',
  mounts: 'unique-target',
  maskedPaths: 'union',
  readOnlyPaths: 'union',
  hostname: 'one-writer',
  loopback: 'agree',
  cgroup: 'agree-by-key',
  deviceRules: 'one-writer',
  deviceNodes: 'one-writer',
  cgroupView: 'agree',
  cgroupViewWritable: 'agree',
  user: 'one-writer',
  capabilities: 'one-writer',
  noNewPrivileges: 'agree',
  seccomp: 'one-writer',
  environment: 'agree-by-key',
  secretVariables: 'union',
  diskQuota: 'one-writer',
  command: 'one-writer',
  workdir: 'one-writer',
  umask: 'one-writer',
  hooks: 'one-writer',
  rlimits: 'one-writer',
  oomScoreAdj: 'one-writer',
  personality: 'one-writer',
  scheduler: 'one-writer',
  ioPriority: 'one-writer',
  memoryPolicy: 'one-writer',
  sysctls: 'one-writer',
  landlock: 'one-writer',
  execLabel: 'one-writer',
} as const satisfies Record<keyof Contribution, Law>;

type FieldsOf<Wanted extends Law> = {
  [Field in keyof typeof LAWS]: (typeof LAWS)[Field] extends Wanted ? Field : never;
}[keyof typeof LAWS];

export type UnionField = FieldsOf<'union'>;
export type OneWriterField = FieldsOf<'one-writer'>;
export type AgreeField = FieldsOf<'agree'>;
