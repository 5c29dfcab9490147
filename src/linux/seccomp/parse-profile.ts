import { architectureOf, FOREIGN_ARCHITECTURES } from './architecture.ts';
import { parseAction, parseRule } from './parse-rule.ts';
import { FILTER_FLAG, type SeccompProfile } from './profile.ts';
import { ProfileField, profileErrors } from './profile-fields.ts';

const FIELDS = [
  ...(['defaultAction', 'defaultErrnoRet', 'defaultErrno', 'archMap', 'architectures', 'flags', 'syscalls'] as const),
  ...(['listenerPath', 'listenerMetadata'] as const),
];
const FLAGS = {
  SECCOMP_FILTER_FLAG_TSYNC: FILTER_FLAG.tsync,
  SECCOMP_FILTER_FLAG_LOG: FILTER_FLAG.log,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: FILTER_FLAG.specAllow,
};

/**
 * Reads a profile in Docker's JSON format. Fields and actions that are not known are refused by name, for a rule that is
 * passed over would leave a container less confined than its author thinks; names of calls are not, for a profile lists
 * those of many architectures and kernels.
 *
 * @param profile names it in errors
 * @throws {EngineError} `seccomp.*`
 */
export function parseProfile(profile: string, text: string): SeccompProfile {
  const fields = new ProfileField(profile, '', parseJson(profile, text)).object(FIELDS);
  const { defaultAction, defaultErrnoRet, defaultErrno, archMap, architectures, flags } = fields;
  for (const field of [fields.listenerPath, fields.listenerMetadata]) {
    if (!field.isAbsent && field.value !== '') throw profileErrors.notifyMissing({ profile, field: field.place });
  }
  if (!archMap.isAbsent && architectures.list().length > 0) {
    throw architectures.bad('left out beside archMap, which says the same');
  }
  return {
    defaultAction: parseAction(defaultAction, { errnoRet: defaultErrnoRet, errno: defaultErrno }),
    ...(archMap.isAbsent ? {} : { archMap: archMap.list().map(parseArchitectureEntry) }),
    ...(architectures.isAbsent ? {} : { architectures: architectures.list().map(parseArchitecture) }),
    ...(flags.isAbsent ? {} : { flags: flags.list().reduce((bits, flag) => bits | parseFlag(flag), 0) }),
    rules: fields.syscalls.list().map(parseRule),
  };
}

function parseArchitectureEntry(entry: ProfileField) {
  const { architecture, subArchitectures } = entry.object(['architecture', 'subArchitectures']);
  return {
    architecture: parseArchitecture(architecture),
    subArchitectures: subArchitectures.list().map(parseArchitecture),
  };
}

function parseArchitecture(field: ProfileField): string {
  const name = field.text();
  if (name !== 'SCMP_ARCH_NATIVE' && architectureOf(name) === undefined && !FOREIGN_ARCHITECTURES.has(name)) {
    throw field.bad('an architecture of libseccomp such as SCMP_ARCH_X86_64');
  }
  return name;
}

function parseFlag(flag: ProfileField): number {
  if (flag.value === 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV') {
    throw profileErrors.notifyMissing({ profile: flag.profile, field: flag.place });
  }
  return flag.oneOf(FLAGS);
}

/** Arguments are compared with up to 64 bits, which a number of JavaScript does not hold: those come as bigint. */
function parseJson(profile: string, text: string): unknown {
  const exact = (_name: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
      ? BigInt(context?.source ?? '')
      : value;
  try {
    return JSON.parse(text, exact as (name: string, value: unknown) => unknown);
  } catch (error) {
    throw profileErrors.notJson({ profile, reason: error instanceof Error ? error.message : String(error) }, error);
  }
}
