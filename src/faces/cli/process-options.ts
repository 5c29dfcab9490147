import type { Command } from 'commander';
import { present } from '../../model/container-request.ts';
import { LANDLOCK_ACCESS, type LandlockAccess } from '../../model/landlock.ts';
import { cliErrors } from './errors.ts';
import { repeatable } from './runner.ts';
import { parseCount } from './values.ts';

/** Options of `run` and `explain` that say what the processes of a container are to the kernel. */
export interface ProcessOptions {
  readonly ulimit?: readonly string[];
  readonly oomScoreAdj?: string;
  readonly personality?: string;
  readonly scheduler?: string;
  readonly nice?: string;
  readonly ionice?: string;
  readonly memoryPolicy?: string;
  readonly sysctl?: readonly string[];
  readonly landlock?: readonly string[];
}

export function addProcessOptions(command: Command): Command {
  return command
    .option(
      '--ulimit <name=soft[:hard]>',
      'a resource limit: nofile=1024:4096, core=unlimited; may be repeated',
      repeatable,
    )
    .option('--oom-score-adj <score>', 'how early the kernel kills it when memory runs out: -1000 to 1000')
    .option('--sysctl <name=value>', 'a kernel parameter of its own namespaces; may be repeated', repeatable)
    .option(
      '--scheduler <policy>',
      'other, batch, idle, fifo:PRIORITY, rr:PRIORITY, deadline:RUNTIME/DEADLINE/PERIOD in ns',
    )
    .option('--nice <number>', '-20 (served first) to 19')
    .option('--ionice <class[:level]>', 'realtime, best-effort or idle; level 0 (served first) to 7')
    .option('--memory-policy <mode[:nodes]>', 'bind:0, interleave:0-1, preferred:1, preferred-many:0,1, local')
    .option('--personality <name>', 'linux, or linux32 to be shown a 32-bit machine')
    .option(
      '--landlock <rule>',
      'allow only what rules say: rx:/usr, rwx:/data, connect:443, bind:8080, connect:none, bind:none, scoped; may be repeated',
      repeatable,
    );
}

/** The fields of a request that these options fill. @throws {EngineError} `cli.badValue` */
export function processFieldsOf(options: ProcessOptions): Readonly<Record<string, unknown>> {
  const process = present({
    rlimits: options.ulimit === undefined ? undefined : Object.fromEntries(options.ulimit.map(parseUlimit)),
    oomScoreAdj:
      options.oomScoreAdj === undefined ? undefined : parseCount('--oom-score-adj', options.oomScoreAdj, -1000),
    personality: options.personality,
    scheduler: schedulerOf(options),
    ioPriority: options.ionice === undefined ? undefined : parseIonice(options.ionice),
    memoryPolicy: options.memoryPolicy === undefined ? undefined : parseMemoryPolicy(options.memoryPolicy),
  });
  return {
    process: Object.keys(process).length === 0 ? undefined : process,
    sysctls: options.sysctl === undefined ? undefined : Object.fromEntries(options.sysctl.map(parseSysctl)),
    landlock: options.landlock === undefined ? undefined : parseLandlockRules(options.landlock),
  };
}

function bad(option: string, value: string, wanted: string): Error {
  return cliErrors.badValue({ option, value, wanted });
}

/** `nofile=1024[:4096]`; one value alone is soft and hard, `unlimited` and -1 are no limit. */
function parseUlimit(value: string): readonly [string, object] {
  const match = /^([a-z]+)=(-1|\d+|unlimited)(?::(-1|\d+|unlimited))?$/.exec(value);
  const [, name, soft, hard = soft] = match ?? [];
  if (name === undefined || soft === undefined || hard === undefined) {
    throw bad('--ulimit', value, 'NAME=SOFT[:HARD] such as nofile=1024:4096 or core=unlimited');
  }
  const limit = (text: string): number | 'unlimited' =>
    text === '-1' || text === 'unlimited' ? 'unlimited' : Number(text);
  return [name, { soft: limit(soft), hard: limit(hard) }];
}

function parseSysctl(value: string): readonly [string, string] {
  const at = value.indexOf('=');
  if (at < 1) throw bad('--sysctl', value, 'NAME=VALUE such as net.ipv4.ip_forward=1');
  return [value.slice(0, at), value.slice(at + 1)];
}

function schedulerOf({ scheduler, nice }: ProcessOptions): object | undefined {
  if (scheduler === undefined && nice === undefined) return undefined;
  const wanted = 'other, batch, idle, fifo:PRIORITY, rr:PRIORITY or deadline:RUNTIME/DEADLINE/PERIOD';
  const [policy = '', detail, ...more] = (scheduler ?? 'other').split(':');
  if (more.length > 0) throw bad('--scheduler', scheduler ?? '', wanted);
  const niceness = nice === undefined ? {} : { nice: parseCount('--nice', nice, -20) };
  if (detail === undefined) return { policy, ...niceness };
  if (policy !== 'deadline') return { policy, ...niceness, priority: parseCount('--scheduler', detail, 1) };
  const parts = detail.split('/');
  if (parts.length !== 3) throw bad('--scheduler', scheduler ?? '', wanted);
  const [runtimeNs, deadlineNs, periodNs] = parts.map((part) => parseCount('--scheduler', part, 1));
  return { policy, ...niceness, runtimeNs, deadlineNs, periodNs };
}

/** Without a level it is 4, as ionice(1) has it. */
function parseIonice(value: string): object {
  const [name = '', level, ...more] = value.split(':');
  if (more.length > 0) throw bad('--ionice', value, 'realtime, best-effort or idle, with :LEVEL from 0 to 7');
  return { class: name, level: level === undefined ? (name === 'idle' ? 0 : 4) : parseCount('--ionice', level) };
}

function parseMemoryPolicy(value: string): object {
  const [mode = '', list, ...more] = value.split(':');
  if (more.length > 0) throw bad('--memory-policy', value, 'MODE[:NODES] such as bind:0 or interleave:0-1');
  return { mode, nodes: list === undefined ? [] : parseNodeList(value, list) };
}

/** `0-2,5` → 0, 1, 2, 5. */
function parseNodeList(value: string, list: string): readonly number[] {
  const nodes = new Set<number>();
  for (const part of list.split(',')) {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || first > last) throw bad('--memory-policy', value, 'a list of nodes such as 0-2,5');
    for (let node = first; node <= last; node++) nodes.add(node);
  }
  return [...nodes];
}

const LANDLOCK_LETTERS: Readonly<Record<string, LandlockAccess>> = Object.fromEntries(
  LANDLOCK_ACCESS.map((access) => [access === 'execute' ? 'x' : access.charAt(0), access]),
);

function parseLandlockRules(rules: readonly string[]): object {
  const paths: object[] = [];
  const ports: { connect?: number[]; bind?: number[] } = {};
  let scoped: true | undefined;
  for (const rule of rules) {
    const port = /^(connect|bind):(\d{1,5}|none)$/.exec(rule);
    const path = /^([rwx]{1,3}):(\/.*)$/.exec(rule);
    if (port !== null) {
      const kind = port[1] as 'connect' | 'bind';
      ports[kind] = [...(ports[kind] ?? []), ...(port[2] === 'none' ? [] : [Number(port[2])])];
    } else if (path !== null) {
      const letters = new Set(path[1]);
      paths.push({ path: path[2], access: [...letters].map((letter) => LANDLOCK_LETTERS[letter]) });
    } else if (rule === 'scoped') {
      scoped = true;
    } else {
      throw bad(
        '--landlock',
        rule,
        'r, w and x before :PATH, connect:PORT, bind:PORT, connect:none, bind:none or scoped',
      );
    }
  }
  return present({
    paths: paths.length === 0 ? undefined : paths,
    connectTcpPorts: ports.connect,
    bindTcpPorts: ports.bind,
    scoped,
  });
}
