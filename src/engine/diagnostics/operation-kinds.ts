const ALL_OR_NOTHING = 'it is all or nothing, and ends by its deadline';
const ENDS_BY_DEADLINE = 'it ends by its deadline, and leaves nothing half done';
const MUST_BE_FINISHED = 'what is left of the container must go: it is tried until it is done';

/**
 * What an engine does, and why it must not be broken off half way. `undefined`: it may be, and all that it made is taken
 * back.
 */
export const NOT_CANCELLABLE = {
  launch: undefined,
  pull: undefined,
  push: undefined,
  'copy-image': undefined,
  save: undefined,
  load: undefined,
  import: undefined,
  exec: undefined,
  copy: undefined,
  commit: undefined,
  stop: MUST_BE_FINISHED,
  start: ENDS_BY_DEADLINE,
  restart: MUST_BE_FINISHED,
  destroy: MUST_BE_FINISHED,
  remove: MUST_BE_FINISHED,
  background: MUST_BE_FINISHED,
  end: MUST_BE_FINISHED,
  update: ALL_OR_NOTHING,
  pause: ALL_OR_NOTHING,
  unpause: ALL_OR_NOTHING,
  kill: ENDS_BY_DEADLINE,
  'signal-session': ENDS_BY_DEADLINE,
  attach: ENDS_BY_DEADLINE,
  explain: ENDS_BY_DEADLINE,
  stats: ENDS_BY_DEADLINE,
  usage: ENDS_BY_DEADLINE,
  'remove-image': ALL_OR_NOTHING,
} as const;

export type OperationKind = keyof typeof NOT_CANCELLABLE;

export const OPERATION_KINDS = Object.keys(NOT_CANCELLABLE) as readonly OperationKind[];
