import { CAPABILITY_NAMES, capabilityNumber } from '../capabilities.ts';
import { ERRNO } from '../errno.ts';
import {
  ACTION,
  type ArgumentTest,
  EPERM,
  type KernelVersion,
  OPERATORS,
  type ProfileRule,
  type RuleCondition,
} from './profile.ts';
import { type ProfileField, profileErrors } from './profile-fields.ts';

const RULE_FIELDS = [
  ...(['names', 'name', 'action', 'errnoRet', 'errno', 'args', 'comment', 'includes', 'excludes'] as const),
];
const ACTIONS = {
  SCMP_ACT_KILL: ACTION.killThread,
  SCMP_ACT_KILL_THREAD: ACTION.killThread,
  SCMP_ACT_KILL_PROCESS: ACTION.killProcess,
  SCMP_ACT_TRAP: ACTION.trap,
  SCMP_ACT_ERRNO: ACTION.errno,
  SCMP_ACT_TRACE: ACTION.trace,
  SCMP_ACT_ALLOW: ACTION.allow,
  SCMP_ACT_LOG: ACTION.log,
};
/** The kernel makes 4095 of anything above (MAX_ERRNO). */
const MAX_ERRNO = 4095n;
const MAX_TRACE_DATA = 0xffffn;
const MAX_VALUE = (1n << 64n) - 1n;
const MAX_INDEX = 5n;

/** Two ways to name one errno: a number, and (Podman's) a name, which wins. */
interface ErrnoFields {
  readonly errnoRet: ProfileField;
  readonly errno: ProfileField;
}

/** The 32 bits that a filter returns for an action. @throws {EngineError} `seccomp.badField`, `seccomp.notifyMissing` */
export function parseAction(field: ProfileField, { errnoRet, errno }: ErrnoFields): number {
  if (field.value === 'SCMP_ACT_NOTIFY') {
    throw profileErrors.notifyMissing({ profile: field.profile, field: field.place });
  }
  const action = field.oneOf(ACTIONS);
  if (action === ACTION.errno) return action | parseErrno({ errnoRet, errno });
  if (action === ACTION.trace && !errnoRet.isAbsent) return action | Number(errnoRet.number(MAX_TRACE_DATA));
  return action;
}

function parseErrno({ errnoRet, errno }: ErrnoFields): number {
  if (!errno.isAbsent && errno.value !== '') return errno.oneOf(ERRNO);
  return errnoRet.isAbsent ? EPERM : Number(errnoRet.number(MAX_ERRNO));
}

/** @throws {EngineError} `seccomp.*` */
export function parseRule(field: ProfileField): ProfileRule {
  const { names, name, action, errnoRet, errno, args, includes, excludes } = field.object(RULE_FIELDS);
  if (!name.isAbsent && !names.isAbsent) throw name.bad('left out beside names');
  return {
    names: name.isAbsent ? names.texts() : [name.text()],
    action: parseAction(action, { errnoRet, errno }),
    tests: args.list().map(parseTest),
    includes: parseCondition(includes),
    excludes: parseCondition(excludes),
  };
}

/** For SCMP_CMP_MASKED_EQ `value` is the mask, and `valueTwo` what must be left. */
function parseTest(field: ProfileField): ArgumentTest {
  const { index, value, valueTwo, op } = field.object(['index', 'value', 'valueTwo', 'op']);
  const operator = op.oneOf(OPERATORS);
  const first = value.number(MAX_VALUE);
  const second = valueTwo.isAbsent ? 0n : valueTwo.number(MAX_VALUE);
  const tested = operator === 'masked-eq' ? { value: second, mask: first } : { value: first };
  return { index: Number(index.number(MAX_INDEX)), operator, ...tested };
}

function parseCondition(field: ProfileField): RuleCondition {
  if (field.isAbsent) return { capabilities: [], machines: [] };
  const { caps, arches, minKernel } = field.object(['caps', 'arches', 'minKernel']);
  return {
    capabilities: caps.list().map(parseCapability),
    machines: arches.texts(),
    ...(minKernel.isAbsent || minKernel.value === '' ? {} : { minKernel: parseKernel(minKernel) }),
  };
}

function parseCapability(field: ProfileField): string {
  const number = capabilityNumber(field.text());
  const name = number === undefined ? undefined : CAPABILITY_NAMES[number];
  if (name === undefined) throw field.bad('a capability such as CAP_SYS_ADMIN');
  return name;
}

function parseKernel(field: ProfileField): KernelVersion {
  const [, major, minor] = /^(\d{1,4})\.(\d{1,4})$/.exec(field.text()) ?? [];
  if (major === undefined || minor === undefined) throw field.bad('a version such as 4.8');
  return { major: Number(major), minor: Number(minor) };
}
