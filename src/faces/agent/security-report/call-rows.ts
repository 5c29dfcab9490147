import { ALLOWED_GROUPS } from '../../../isolators/linux/seccomp/allowed-groups.ts';
import { GUARDED_GROUPS, REFUSED_GROUPS } from '../../../isolators/linux/seccomp/guarded-groups.ts';
import { ARCHITECTURES, type Architecture, callNumber, callsOf } from '../../../linux/seccomp/architecture.ts';
import { actionText } from '../../../linux/seccomp/describe-filter.ts';
import { runProgram } from '../../../linux/seccomp/interpret.ts';
import { ACTION, ACTION_MASK } from '../../../linux/seccomp/profile.ts';
import { decodeProgram } from '../../../linux/seccomp/program.ts';
import type { LaunchPlan } from '../../../model/launch-plan.ts';
import type { Findings } from './findings.ts';
import { type ReportRow, row } from './row.ts';

/**
 * Calls that cannot be asked about: those that the probe needs itself, so that its end shows them let through, and those
 * that the kernel takes from its own trampolines only, past every filter since Linux 6.13.
 */
const NOT_TRIED = new Set(['exit', 'exit_group', 'rt_sigreturn', 'uprobe', 'uretprobe']);
/** Calls that are filtered by their first argument, with the values that matter. */
const BY_ARGUMENT: readonly { readonly what: string; readonly call: string; readonly argument: number }[] = [
  ...[
    ['AF_UNIX', 1],
    ['AF_INET', 2],
    ['AF_INET6', 10],
    ['AF_NETLINK', 16],
    ['AF_PACKET', 17],
    ['AF_ALG', 38],
    ['AF_VSOCK', 40],
  ].map(([name, argument]) => ({ what: `socket ${name}`, call: 'socket', argument: Number(argument) })),
  { what: 'process in a new user namespace', call: 'clone', argument: 0x1000_0000 },
  { what: 'process in a new mount namespace', call: 'clone', argument: 0x2_0000 },
  { what: 'new user namespace', call: 'unshare', argument: 0x1000_0000 },
  { what: 'new network namespace', call: 'unshare', argument: 0x4000_0000 },
  { what: 'no randomised addresses', call: 'personality', argument: 0x4_0000 },
];
const GROUPS = [
  ...ALLOWED_GROUPS,
  { name: 'new processes', calls: ['clone', 'clone3', 'unshare'] },
  { name: 'new sockets', calls: ['socket', 'socketpair'] },
  { name: 'execution domain', calls: ['personality'] },
  ...GUARDED_GROUPS,
  ...REFUSED_GROUPS,
];
const TOPIC = 'system calls';
const MAX_NAMED = 6;

/** What the probe is to ask about, as its words. */
export function callWords(architecture: Architecture): readonly string[] {
  const plain = callsOf(architecture).filter(([name]) => !NOT_TRIED.has(name));
  const tested = BY_ARGUMENT.flatMap(({ call, argument }) => {
    const number = callNumber(architecture, call);
    return number === undefined ? [] : [subjectOf(number, argument)];
  });
  return [...plain.map(([, number]) => subjectOf(number, 0)), ...tested].map((subject) => `call:${subject}`);
}

/** Every group of calls, and what is decided by an argument. */
export function callRows(plan: LaunchPlan, architecture: Architecture, findings: Findings): readonly ReportRow[] {
  const expected = expectation(plan, architecture);
  const by = plan.seccomp?.by;
  const groups = GROUPS.flatMap(({ name, calls }) => {
    const own = calls.flatMap((call) => {
      const number = callNumber(architecture, call);
      return number === undefined || NOT_TRIED.has(call) ? [] : [{ call, number }];
    });
    const states = own.map(({ call, number }) => ({
      call,
      planned: expected(number, 0),
      probed: findings.get('call', subjectOf(number, 0)),
    }));
    return states.length === 0 ? [] : [groupRow({ topic: TOPIC, subject: name, by }, states)];
  });
  const single = BY_ARGUMENT.flatMap(({ what, call, argument }) => {
    const number = callNumber(architecture, call);
    if (number === undefined) return [];
    const planned = expected(number, argument);
    const probed = findings.get('call', subjectOf(number, argument));
    return [row({ topic: TOPIC, subject: what, by }, shown(planned), probed && shown(probed), planned === probed)];
  });
  return [...groups, ...single];
}

interface CallState {
  readonly call: string;
  readonly planned: string;
  readonly probed: string | undefined;
}

function groupRow(
  what: { readonly topic: string; readonly subject: string; readonly by: string | undefined },
  states: readonly CallState[],
): ReportRow {
  const differing = states.filter(({ planned, probed }) => planned !== probed);
  const planned = summary(states.map(({ call, planned: outcome }) => ({ call, outcome })));
  if (states.some(({ probed }) => probed === undefined)) return row(what, planned, undefined, false);
  const probed =
    differing.length === 0
      ? planned
      : `other than planned: ${named(differing.map((state) => `${state.call} ${shown(state.probed ?? '')}`))}`;
  return row(what, planned, probed, differing.length === 0);
}

/** `allowed`, `refused (EPERM)`, or which of them are which. */
function summary(states: readonly { readonly call: string; readonly outcome: string }[]): string {
  const outcomes = [...new Set(states.map(({ outcome }) => shown(outcome)))];
  if (outcomes.length === 1) return outcomes[0] ?? '';
  return outcomes
    .map((text) => `${text}: ${named(states.filter(({ outcome }) => shown(outcome) === text).map(({ call }) => call))}`)
    .join('; ');
}

function shown(outcome: string): string {
  return outcome === 'reached' ? 'allowed' : outcome === 'killed' ? 'killed' : `refused (${outcome})`;
}

function named(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  return `${names.slice(0, MAX_NAMED).join(' ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** What the probe must find, by the very program of the plan. */
function expectation(plan: LaunchPlan, architecture: Architecture): (number: number, argument: number) => string {
  if (plan.seccomp === undefined) return () => 'reached';
  const program = decodeProgram(Buffer.from(plan.seccomp.program, 'base64'));
  const { audit } = ARCHITECTURES[architecture];
  return (number, argument) => {
    const action = runProgram(program, { architecture: audit, number, arguments: [BigInt(argument)] });
    return probedOutcome(action);
  };
}

function probedOutcome(action: number): string {
  const kind = (action & ACTION_MASK) >>> 0;
  if (kind === ACTION.allow || kind === ACTION.log || kind === ACTION.trace) return 'reached';
  return kind === ACTION.errno ? actionText(action) : 'killed';
}

function subjectOf(number: number, argument: number): string {
  return `${number}:${argument}`;
}
