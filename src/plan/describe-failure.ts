import { ERRNO, errnoName } from '../linux/errno.ts';
import type { EngineError } from '../model/error.ts';
import type { LaunchFailure } from '../model/launch-failure.ts';
import type { Step } from '../model/wire.ts';
import { BY_LAUNCHER } from './compose.ts';
import type { EncodedLaunch } from './encode.ts';
import { type FailureDetails, failureErrors } from './failure-errors.ts';

type EncodedSteps = Pick<EncodedLaunch, 'hostSteps' | 'childSteps'>;

/** The step that a failure is about, with the isolator that wanted it; `undefined` for phases without steps. */
function stepAt(encoded: EncodedSteps, phase: LaunchFailure['phase'], index: number): Step | undefined {
  if (phase === 'host') return encoded.hostSteps[index];
  if (phase === 'child') return encoded.childSteps[index];
  if (phase === 'exec') return encoded.childSteps.find(({ op }) => op === 'exec');
  return undefined;
}

/**
 * Turns what the helper reported into an error that says which isolator wanted what, and why the kernel refused. Chosen
 * by phase, step and errno alone; the detail is only shown.
 */
export function describeFailure(encoded: EncodedSteps, failure: LaunchFailure): EngineError {
  const failed = stepAt(encoded, failure.phase, failure.stepIndex);
  const details: FailureDetails = {
    by: failed?.by ?? BY_LAUNCHER,
    op: failed?.op ?? failure.phase,
    subject: failure.detail === '' && failed !== undefined ? subjectOf(failed) : failure.detail,
    errno: errnoName(failure.errno),
  };
  const known =
    failure.phase === 'clone'
      ? cloneFailure(encoded, failure, details)
      : failed === undefined
        ? undefined
        : stepFailure(failed, { ...failure, details });
  return known ?? generalFailure(failure, details);
}

interface Refusal {
  readonly errno: number;
  readonly detail: string;
  readonly details: FailureDetails;
}

/** What is particular to single steps; the rest of errno means the same everywhere. */
function stepFailure(failed: Step, refusal: Refusal): EngineError | undefined {
  switch (failed.op) {
    case 'run-program':
      return failureErrors.hookFailed(refusal.details);
    case 'exec':
      return execFailure(failed, refusal);
    case 'resolve-user':
      return userFailure(failed, refusal);
    case 'set-workdir':
      return workdirFailure(refusal);
    case 'clone-tree':
      return sourceFailure(failed, refusal);
    case 'create-overlay':
    case 'create-mapped-overlay':
    case 'create-erofs-overlay':
      return overlayFailure(refusal);
    case 'apply-credentials':
      return is(refusal, 'EINVAL') ? failureErrors.idNotMapped(refusal.details) : undefined;
    case 'create-disk':
    case 'create-overlay-on':
      return is(refusal, 'ENOEXEC', 'ENOENT', 'EINVAL', 'EBUSY', 'EIO', 'ENXIO', 'ENODEV')
        ? failureErrors.diskRefused(refusal.details)
        : undefined;
    case 'narrow-mount':
      return is(refusal, 'ENOENT', 'ENOTDIR', 'ELOOP') ? failureErrors.subpathMissing(refusal.details) : undefined;
    case 'idmap-mount':
      return is(refusal, 'EINVAL', 'EOPNOTSUPP', 'ENOSYS', 'EPERM')
        ? failureErrors.idMapRefused(refusal.details)
        : undefined;
    case 'attach-volume':
    case 'attach-mount':
    case 'attach-at':
    case 'attach-root':
      return targetFailure(refusal);
    case 'write-kernel-file':
      return knobFailure(failed, refusal);
    case 'set-rlimit':
    case 'set-oom-score':
    case 'set-personality':
    case 'set-scheduler':
    case 'set-io-priority':
    case 'set-memory-policy':
    case 'write-sysctl':
    case 'set-exec-label':
    case 'landlock-path':
      return settingFailure(refusal);
    case 'landlock-restrict':
    case 'seccomp-filter':
      return ruleFailure(refusal);
    case 'open-counters':
      return is(refusal, 'ENOENT', 'EOPNOTSUPP', 'ENODEV', 'EINVAL', 'EACCES', 'EPERM')
        ? failureErrors.countersRefused(refusal.details)
        : undefined;
    case 'make-cgroup':
    case 'join-cgroup':
      return groupFailure(refusal);
    default:
      return namespaceFailure(failed, refusal);
  }
}

/** Before it the streams are given to the user. */
function workdirFailure(refusal: Refusal): EngineError | undefined {
  if (is(refusal, 'EINVAL')) return failureErrors.idNotMapped(refusal.details);
  return is(refusal, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP')
    ? failureErrors.workdirRefused(refusal.details)
    : undefined;
}

/** By number, for some have two names (EAGAIN is EWOULDBLOCK). */
function is({ errno }: Pick<Refusal, 'errno'>, ...names: readonly string[]): boolean {
  return names.some((name) => ERRNO[name] === errno);
}

function execFailure(failed: Step, refusal: Refusal): EngineError | undefined {
  const command = (failed.values.arguments as readonly string[])[0] ?? '';
  const { detail, details } = refusal;
  if (is(refusal, 'ENOENT', 'ENOTDIR')) return failureErrors.commandNotFound({ command, detail });
  if (is(refusal, 'EACCES', 'EISDIR', 'ENOEXEC', 'EPERM', 'ELOOP')) {
    return failureErrors.commandNotExecutable({ command, errno: details.errno });
  }
  return is(refusal, 'E2BIG') ? failureErrors.argumentsTooLong({ command }) : undefined;
}

function userFailure(failed: Step, refusal: Refusal): EngineError | undefined {
  const user = [failed.values.user, failed.values.group].filter((part) => part !== '').join(':');
  if (!is(refusal, 'ENOENT', 'ERANGE', 'EINVAL')) return undefined;
  return failureErrors.unknownUser({ user, missing: refusal.detail === '' ? user : refusal.detail });
}

/** Only a root file system is asked to be a directory. */
function sourceFailure(failed: Step, refusal: Refusal): EngineError | undefined {
  const details = { ...refusal.details, subject: String(failed.values.path) };
  const isRoot = failed.values.expect === 1;
  if (is(refusal, 'ENOENT')) {
    return isRoot ? failureErrors.rootfsMissing(details) : failureErrors.bindSourceMissing(details);
  }
  return isRoot && is(refusal, 'ENOTDIR', 'ELOOP') ? failureErrors.rootfsNotDirectory(details) : undefined;
}

function overlayFailure(refusal: Refusal): EngineError | undefined {
  if (is(refusal, 'EBADMSG')) return failureErrors.layerImageChanged(refusal.details);
  if (is(refusal, 'ENXIO')) return failureErrors.loopDevicesMissing(refusal.details);
  if (is(refusal, 'ENODEV')) return failureErrors.overlayMissing(refusal.details);
  if (is(refusal, 'ENOENT')) return failureErrors.layerMissing(refusal.details);
  if (is(refusal, 'E2BIG')) return failureErrors.tooManyLayers(refusal.details);
  return is(refusal, 'EINVAL', 'EOPNOTSUPP', 'ESTALE', 'EREMOTE')
    ? failureErrors.overlayRefused(refusal.details)
    : undefined;
}

function targetFailure(refusal: Refusal): EngineError | undefined {
  if (is(refusal, 'ELOOP')) return failureErrors.linkOnPath(refusal.details);
  if (is(refusal, 'ENOENT')) return failureErrors.mountTargetMissing(refusal.details);
  if (is(refusal, 'ENOTDIR', 'EISDIR', 'EEXIST')) return failureErrors.mountTargetUnsuitable(refusal.details);
  return is(refusal, 'EROFS') ? failureErrors.readOnly(refusal.details) : undefined;
}

function knobFailure(failed: Step, refusal: Refusal): EngineError | undefined {
  const details = { ...refusal.details, subject: `${String(failed.values.path)} = ${String(failed.values.value)}` };
  if (is(refusal, 'ENOENT', 'ENODEV', 'EROFS')) return failureErrors.knobMissing(details);
  if (is(refusal, 'EOPNOTSUPP')) return failureErrors.knobInactive(details);
  return is(refusal, 'EINVAL', 'ERANGE', 'EBUSY', 'EACCES', 'EPERM') ? failureErrors.knobRefused(details) : undefined;
}

function settingFailure(refusal: Refusal): EngineError | undefined {
  if (is(refusal, 'EPERM', 'EACCES')) return failureErrors.settingNotPermitted(refusal.details);
  return is(refusal, 'EINVAL', 'ENOENT', 'ERANGE', 'ENOTDIR', 'ELOOP', 'EBUSY')
    ? failureErrors.settingRefused(refusal.details)
    : undefined;
}

/** Rules that a process puts on itself. */
function ruleFailure(refusal: Refusal): EngineError | undefined {
  return is(refusal, 'EPERM', 'EACCES') ? failureErrors.needsNoNewPrivileges(refusal.details) : undefined;
}

function groupFailure(refusal: Refusal): EngineError | undefined {
  return is(refusal, 'ENOENT', 'EROFS', 'EBUSY', 'EOPNOTSUPP', 'ENODEV')
    ? failureErrors.cgroupRefused(refusal.details)
    : undefined;
}

/** A pid namespace whose first process is gone takes nobody in, and the kernel has no other word for it than ENOMEM. */
function cloneFailure(
  { hostSteps }: EncodedSteps,
  failure: LaunchFailure,
  details: FailureDetails,
): EngineError | undefined {
  const isJoining = hostSteps.some(({ op }) => op === 'enter-namespaces');
  if (isJoining && is(failure, 'ENOMEM', 'ESRCH')) return failureErrors.joinedGone(details);
  if (is(failure, 'ENOSPC')) return failureErrors.noNamespaces(details);
  return is(failure, 'ESRCH') ? failureErrors.enteredProcessGone() : undefined;
}

/** Steps for user namespaces, time namespaces and those of other containers. */
function namespaceFailure({ op }: Step, refusal: Refusal): EngineError | undefined {
  const { details } = refusal;
  switch (op) {
    case 'map-tree':
      return is(refusal, 'EINVAL', 'EPERM', 'ENOSYS', 'EOPNOTSUPP') ? failureErrors.notMappable(details) : undefined;
    case 'write-id-maps':
      return is(refusal, 'EINVAL', 'EPERM') ? failureErrors.mapRefused(details) : undefined;
    case 'make-time-namespace':
      return is(refusal, 'ERANGE', 'EINVAL') ? failureErrors.clockRefused(details) : undefined;
    case 'clone-tree-of':
      if (is(refusal, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENODEV')) return failureErrors.sharedMissing(details);
      return is(refusal, 'ESRCH') ? failureErrors.joinedGone(details) : undefined;
    case 'enter-namespaces':
      return is(refusal, 'ESRCH') ? failureErrors.joinedGone(details) : undefined;
    default:
      return undefined;
  }
}

function generalFailure(failure: LaunchFailure, details: FailureDetails): EngineError {
  if (is(failure, 'ENOSPC', 'EDQUOT', 'ENOMEM', 'EAGAIN', 'EMFILE', 'ENFILE', 'EUSERS')) {
    return failureErrors.exhausted(details);
  }
  if (is(failure, 'EPERM', 'EACCES')) return failureErrors.notPermitted(details);
  if (is(failure, 'ENOSYS', 'ENODEV', 'EOPNOTSUPP')) return failureErrors.unsupported(details);
  if (is(failure, 'ENAMETOOLONG')) return failureErrors.pathTooLong(details);
  return failureErrors.stepFailed(details);
}

/** What a step is about when the helper said nothing. */
function subjectOf({ values }: Step): string {
  const { path, target, type, name, user } = values;
  return String(path ?? target ?? type ?? name ?? user ?? '');
}
