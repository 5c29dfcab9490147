import {
  LAUNCH_KIND,
  LOG_FORMAT,
  MESSAGES,
  type MessageName,
  type MessageValues,
  STDIO,
  step,
} from '../../src/model/wire.ts';
import { encodeMessage } from '../../src/model/wire-codec.ts';
import { hostileArchives } from './hostile-archives.ts';

/** As fuzz_monitor.c has it. */
const TICKET = Buffer.from('a-ticket-for-all');
/** The first byte of what fuzz_monitor.c takes: a role, then bits for a terminal, running, an owner that is awaited. */
const HOWS = [0, 1, 2, 3, 8, 9, 10, 14, 16];

export interface CorpusFile {
  readonly target: 'wire' | 'monitor' | 'unpack';
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What fuzzing starts from: an input of every form that is read. */
export function fuzzCorpus(): readonly CorpusFile[] {
  const streams: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['attach', [frame('attach', { ticket: TICKET, role: 1, stdin: 1, from: 1 }), frame('stdin', { data: TICKET })]],
    [
      'observe',
      [frame('attach', { ticket: TICKET, role: 2, stdin: 1, from: 0 }), frame('resize', { rows: 3, columns: 4 })],
    ],
    ['control', [frame('start', {}), frame('signal', { signal: 15 }), frame('grant', { ticket: TICKET, role: 2 })]],
    ['end', [frame('stdin', { data: TICKET }), frame('stdinEnd', {}), frame('release', {}), frame('abort', {})]],
  ];
  return [
    { target: 'wire', name: 'launch', bytes: frame('launch', launchValues()) },
    { target: 'wire', name: 'run', bytes: frame('run', { hostSteps: launchValues().hostSteps }) },
    ...streams.map(([name, frames]) => ({ target: 'wire' as const, name, bytes: Buffer.concat(frames) })),
    ...streams.flatMap(([name, frames]) =>
      HOWS.map((how) => ({
        target: 'monitor' as const,
        name: `${name}-${how}`,
        bytes: Buffer.concat([Buffer.from([how]), ...frames]),
      })),
    ),
    ...hostileArchives().map((bytes, index) => ({ target: 'unpack' as const, name: `archive-${index}`, bytes })),
  ];
}

/** `u32 payload bytes | u8 type | 3 zero bytes | payload` (docs/protocol.md). */
function frame<Name extends MessageName>(name: Name, values: MessageValues<Name>): Uint8Array {
  const { payload } = encodeMessage(name, values);
  const header = Buffer.alloc(8);
  header.writeUInt32LE(payload.length);
  header.writeUInt8(MESSAGES[name].code, 4);
  return Buffer.concat([header, payload]);
}

function launchValues(): MessageValues<'launch'> {
  const none = new Uint8Array(0);
  return {
    ...{
      kind: LAUNCH_KIND.container,
      cloneFlags: 0,
      trackingCgroup: '/group',
      trackingLevels: 1,
      stateDirectory: '/state',
      socketPath: '/socket',
    },
    ...{ stdio: STDIO.pipes, stdinOpen: 0, owned: 0, rows: 0, columns: 0 },
    ...{ logFormat: LOG_FORMAT.cri, logDirectory: '/log', logMaxBytes: 1 << 20, logMaxFiles: 2 },
    ...{ controlTicket: TICKET, ownerTicket: none, enterPid: 0, enterStartTime: 0, enterNamespaces: 0, reaper: 0 },
    hostSteps: [
      step('test', 'make-directory', { path: '/made', mode: 0o755, existingOk: 1 }),
      step('test', 'create-overlay', { slot: 1, lower: ['/one', '/two'], upper: '/up', work: '/work', attributes: 4 }),
    ],
    childSteps: [
      step('test', 'set-propagation', { flags: 0x44000 }),
      step('test', 'await-host', {}),
      step('test', 'attach-root', { slot: 1, mountPoint: '/root' }),
      step('test', 'pivot-root', {}),
      step('test', 'write-sysctl', { path: 'net/ipv4/ip_forward', value: '1' }),
      step('test', 'await-start', {}),
      step('test', 'exec', { arguments: ['/bin/sh', '-c', 'true'], environment: ['PATH=/bin', 'A=b'] }),
    ],
  };
}
