import type { Command } from 'commander';
import { present } from '../../model/container-request.ts';
import type { IdMapping } from '../../model/id-mapping.ts';
import { NAMESPACE_KINDS, type NamespaceKind } from '../../model/launch-plan.ts';
import { DEFAULT_ID_COUNT, type IdRange } from '../../model/namespace-policy.ts';
import { cliErrors } from './errors.ts';
import { repeatable } from './runner.ts';
import { parseBytes, parseNames, parseSignedDuration } from './values.ts';

/** Options about namespaces as commander gives them. */
export interface NamespaceOptions {
  readonly userns?: string;
  readonly uidmap?: readonly string[];
  readonly gidmap?: readonly string[];
  readonly pid?: string;
  readonly ipc?: string;
  readonly shmSize?: string;
  readonly uts?: string;
  readonly cgroupns?: string;
  readonly network?: string;
  readonly timeOffset?: string;
}

/** Options that say whose namespaces a container lives in; `run` and `explain` share them. */
export function addNamespaceOptions(command: Command): Command {
  return command
    .option('--userns <mode>', 'auto[:size=COUNT]: root in the container is nobody on the host; host: root is root')
    .option(
      '--uidmap <container:host:count>',
      'user ids of a user namespace, in place of auto; may be repeated',
      repeatable,
    )
    .option(
      '--gidmap <container:host:count>',
      'group ids, as --uidmap and the same unless given; may be repeated',
      repeatable,
    )
    .option('--pid <mode>', 'processes: private, host, container:ID to share those of another, or parent with --parent')
    .option(
      '--ipc <mode>',
      'shared memory and queues: private, shareable, none (no /dev/shm), host, container:ID, or parent with --parent',
    )
    .option('--shm-size <bytes>', 'size of /dev/shm: 64m unless given')
    .option('--uts <mode>', 'host name: private or host; with --parent: parent unless given')
    .option('--cgroupns <mode>', 'view of cgroups: private or host')
    .option('--time-offset <clock=time,...>', 'sets clocks on or back: monotonic=1h,boottime=-30s');
}

/**
 * The field `namespaces` of a launch; `undefined` when nothing was said.
 *
 * @throws {EngineError} `cli.badValue`, `cli.userTwice` (invalid-argument)
 */
export function namespacesOf(options: NamespaceOptions): Readonly<Record<string, unknown>> | undefined {
  const { pid, ipc, shmSize, uts, cgroupns, timeOffset } = options;
  const said = present({
    user: userOf(options),
    pid: pid === undefined ? undefined : choiceOf('--pid', pid, ['private', 'host', 'parent']),
    ipc: ipc === undefined ? undefined : choiceOf('--ipc', ipc, ['private', 'shareable', 'none', 'host', 'parent']),
    shmBytes: shmSize === undefined ? undefined : parseBytes('--shm-size', shmSize),
    uts: uts === undefined ? undefined : uts === 'parent' ? { kind: 'parent' } : plainChoice('--uts', uts),
    cgroup: cgroupns === undefined ? undefined : plainChoice('--cgroupns', cgroupns),
    networkOf: networkOf(options),
    time: timeOffset === undefined ? undefined : parseOffsets(timeOffset),
  });
  return Object.keys(said).length === 0 ? undefined : said;
}

/** The network mode that stands on its own; `container:ID` is said by `namespaces`. @throws {EngineError} `cli.badValue` */
export function networkModeOf({ network }: NamespaceOptions): string | undefined {
  if (network === undefined || network.startsWith(CONTAINER)) return undefined;
  if (network === 'none' || network === 'host') return network;
  throw cliErrors.badValue({ option: '--network', value: network, wanted: 'none, host or container:ID' });
}

const CONTAINER = 'container:';

function networkOf({ network }: NamespaceOptions): string | undefined {
  return network?.startsWith(CONTAINER) === true ? containerName('--network', network) : undefined;
}

function containerName(option: string, value: string): string {
  const name = value.slice(CONTAINER.length);
  if (name === '')
    throw cliErrors.badValue({ option, value, wanted: 'container: and the name or uid of one that runs' });
  return name;
}

function choiceOf(option: string, value: string, kinds: readonly string[]): Readonly<Record<string, string>> {
  if (value.startsWith(CONTAINER)) return { kind: 'container', container: containerName(option, value) };
  if (kinds.includes(value)) return { kind: value };
  throw cliErrors.badValue({ option, value, wanted: `${kinds.join(', ')} or container:ID` });
}

function plainChoice(option: string, value: string): Readonly<Record<string, string>> {
  if (value === 'private' || value === 'host') return { kind: value };
  throw cliErrors.badValue({ option, value, wanted: 'private or host' });
}

function userOf({ userns, uidmap = [], gidmap = [] }: NamespaceOptions): Readonly<Record<string, unknown>> | undefined {
  if (uidmap.length + gidmap.length > 0) {
    if (userns !== undefined) throw cliErrors.userTwice({ userns });
    const uids = uidmap.map((text) => parseIdMapping('--uidmap', text));
    const gids = gidmap.map((text) => parseIdMapping('--gidmap', text));
    return { kind: 'map', uids: uids.length === 0 ? gids : uids, gids: gids.length === 0 ? uids : gids };
  }
  if (userns === undefined || userns === '') return undefined;
  if (userns === 'host') return { kind: 'host' };
  const size = /^auto(?::size=(\d{1,10}))?$/.exec(userns);
  if (size === null)
    throw cliErrors.badValue({ option: '--userns', value: userns, wanted: 'host, auto or auto:size=COUNT' });
  return { kind: 'auto', count: size[1] === undefined ? DEFAULT_ID_COUNT : Number(size[1]) };
}

function parseIdMapping(option: string, value: string): IdMapping {
  const match = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(value);
  if (match === null)
    throw cliErrors.badValue({ option, value, wanted: 'CONTAINER:HOST:COUNT such as 0:100000:65536' });
  return { container: Number(match[1]), host: Number(match[2]), count: Number(match[3]) };
}

function parseOffsets(value: string): { readonly monotonicNs: number; readonly boottimeNs: number } {
  const offsets = { monotonic: 0, boottime: 0 };
  for (const part of value.split(',')) {
    const [clock = '', time = ''] = part.split('=');
    if ((clock !== 'monotonic' && clock !== 'boottime') || time === '') {
      const wanted = 'monotonic=TIME and boottime=TIME, joined by a comma';
      throw cliErrors.badValue({ option: '--time-offset', value, wanted });
    }
    offsets[clock] = parseSignedDuration('--time-offset', time) * 1e6;
  }
  return { monotonicNs: offsets.monotonic, boottimeNs: offsets.boottime };
}

/** `FIRST:COUNT`. @throws {EngineError} `cli.badValue` */
export function parseIdRange(option: string, value: string): IdRange {
  const match = /^(\d{1,10}):(\d{1,10})$/.exec(value);
  const range = { first: Number(match?.[1]), count: Number(match?.[2]) };
  if (match === null || range.first === 0 || range.count === 0 || range.first + range.count > 0xffff_ffff) {
    throw cliErrors.badValue({ option, value, wanted: 'FIRST:COUNT such as 1000000:65536000, without id 0' });
  }
  return range;
}

/** `pid,ipc` → kinds. @throws {EngineError} `cli.badValue` */
export function parseNamespaceKinds(option: string, value: string): readonly NamespaceKind[] {
  return parseNames(option, value).map((name) => {
    const kind = NAMESPACE_KINDS.find((one) => one === name);
    if (kind === undefined) throw cliErrors.badValue({ option, value, wanted: `among ${NAMESPACE_KINDS.join(', ')}` });
    return kind;
  });
}
