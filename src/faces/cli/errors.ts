import { defineErrors } from '../../model/error.ts';

export const cliErrors = defineErrors('cli', {
  badValue: {
    kind: 'invalid-argument',
    message: (d: { option: string; value: string; wanted: string }) =>
      `${d.option} ${JSON.stringify(d.value)} is not ${d.wanted}`,
  },
  imageGone: {
    kind: 'unavailable',
    message: (d: { reference: string; times: number }) =>
      `image ${d.reference} was pulled ${d.times} times, and each time it was gone again before the launch`,
    remedy: () => 'see who removes it (isopod events --filter type=image), and run it again once they have done',
  },
  fetchField: {
    kind: 'invalid-argument',
    message: (d: { value: string; field: string; reason: string }) =>
      `${JSON.stringify(d.field)} of --fetch ${JSON.stringify(d.value)} ${d.reason}`,
    remedy: () =>
      'give each of output=PATH, executable, extract[=no], cache and sha256=HEX at most once, and write %2C for a comma of the address',
  },
  deviceTwice: {
    kind: 'invalid-argument',
    message: (d: { option: string; device: string }) => `${d.option} is given twice for ${d.device}`,
  },
  mountField: {
    kind: 'invalid-argument',
    message: (d: { field: string; type: string }) => `${d.field} means nothing for a mount of type ${d.type}`,
    remedy: () => 'leave it out; isopod help run and docs/volumes.md tell what each type takes',
  },
  emptyName: {
    kind: 'invalid-argument',
    message: (d: { of: string }) => `the name of ${d.of} is empty`,
    remedy: () => 'look whether a variable of the shell in this command is unset',
  },
  noLimit: {
    kind: 'invalid-argument',
    message: () => 'no limit and no device is named, so there is nothing to update',
    remedy: () => 'name at least one; `isopod help update` lists them',
  },
  noImage: {
    kind: 'invalid-argument',
    message: () => 'no image was named',
    remedy: () => 'isopod run IMAGE [COMMAND…], or --rootfs DIR, or --no-image',
  },
  bothRootfs: {
    kind: 'invalid-argument',
    message: () => '--rootfs and --no-image exclude each other',
  },
  signatureWithoutPull: {
    kind: 'invalid-argument',
    message: () => '--require-signature and --pull never exclude each other: an image is judged when it comes',
    remedy: () => 'leave one of them out',
  },
  twoInputs: {
    kind: 'invalid-argument',
    message: (d: { file: string; input: string }) =>
      `one archive is loaded at a time, and two are named: ${d.file} and -i ${d.input}`,
    remedy: () => 'load one after the other',
  },
  noTerminal: {
    kind: 'invalid-argument',
    message: () => '-t with -i needs a terminal on standard input, and there is none',
    remedy: () => 'leave -t out when input comes from a pipe or a file',
  },
  userTwice: {
    kind: 'invalid-argument',
    message: (d: { userns: string }) => `--userns ${d.userns} was given, and a map of ids too`,
    remedy: () => 'leave one of them out',
  },
  privilegedExec: {
    kind: 'invalid-argument',
    message: () =>
      'a further command has the rights of its container, and none beyond, so --privileged has no place in exec',
    remedy: () => 'run the container with what it needs: --cap-add, --device or --privileged',
  },
  actualOfOther: {
    kind: 'invalid-argument',
    message: (d: { given: string }) =>
      `--actual looks at a container that is there, so ${d.given} means nothing beside it`,
    remedy: () => 'isopod explain [--json] --actual CONTAINER',
  },
  unreadableFile: {
    kind: 'invalid-argument',
    message: (d: { option: string; path: string; reason: string }) => `${d.option} ${d.path}: ${d.reason}`,
  },
  noClientCertificate: {
    kind: 'invalid-argument',
    message: (d: { host: string }) => `agent ${d.host} wants to see a certificate, and none was given`,
    remedy: () => 'give --tls-cert and --tls-key (ISOPOD_TLS_CERT, ISOPOD_TLS_KEY)',
  },
  tcpWithoutTls: {
    kind: 'invalid-argument',
    message: (d: { tcp: string; missing: readonly string[] }) =>
      `--tcp ${d.tcp} without ${d.missing.join(' and ')}: an agent on TCP serves clients with a certificate only`,
    remedy: () => 'docs/access.md says how to make certificates',
  },
  tlsWithoutTcp: {
    kind: 'invalid-argument',
    message: (d: { given: readonly string[] }) => `${d.given.join(' and ')} mean nothing without --tcp`,
  },
  agentElsewhere: {
    kind: 'invalid-argument',
    message: () => '--host (ISOPOD_HOST) names another agent, and this command serves as one here',
    remedy: () => 'leave it out',
  },
  agentGone: {
    kind: 'unavailable',
    message: (d: { place: string; reason: string }) => `the agent at ${d.place} does not answer: ${d.reason}`,
    remedy: () => 'see agent.log in the state directory of the agent',
  },
  notAllowed: {
    kind: 'permission-denied',
    message: (d: { place: string; uid: number }) => `user ${d.uid} may not use the agent at ${d.place}`,
    remedy: () => 'run it as root, for example with sudo; or use a token (docs/access.md)',
  },
  requestTooLarge: {
    kind: 'invalid-argument',
    message: (d: { bytes: number; most: number }) =>
      `command, environment, volumes and labels take ${d.bytes} bytes together, and at most ${d.most} are taken`,
    remedy: () => 'hand large data over in a file, with --volume',
  },
  followBroken: {
    kind: 'unavailable',
    message: (d: { path: string; reason: string }) =>
      `the agent went while it read the log of ${d.path.split('/').at(-1)}: ${d.reason}; the container and its log go on`,
    remedy: () => 'call isopod logs again',
  },
  eventsBroken: {
    kind: 'unavailable',
    message: (d: { tries: number; reason: string }) =>
      `the connection to the agent broke ${d.tries} times without an event between them: ${d.reason}`,
    remedy: () => 'see agent.log in the state directory, then call isopod events again',
  },
  answerCut: {
    kind: 'unavailable',
    message: (d: { what: string; reason: string }) =>
      `the agent went while ${d.what} was under way (${d.reason}), so it is not done`,
    remedy: () => 'see agent.log in the state directory of the agent, then call it again: what was fetched is kept',
  },
  archiveCut: {
    kind: 'unavailable',
    message: (d: { what: string; reason: string; remedy: string | undefined }) => `${d.what} broke off: ${d.reason}`,
    remedy: (d) =>
      `what has come so far is no whole archive; ${d.remedy ?? 'agent.log in the state directory tells why'}`,
  },
  agentBroken: {
    kind: 'internal',
    message: (d: { what: string }) => `the agent's answer is malformed: ${d.what}`,
    remedy: () => 'check that client and agent are of one version: isopod version',
  },
  attachRefused: {
    kind: 'unavailable',
    message: (d: { reason: string }) => `the monitor refuses to attach us: ${d.reason}`,
  },
  notInTime: {
    kind: 'deadline-exceeded',
    message: (d: { id: string; condition: string; ms: number }) =>
      `container ${d.id} was not ${d.condition} within ${d.ms} ms`,
    remedy: () => 'wait longer with --timeout; isopod inspect tells what its checks say',
  },
  monitorLost: {
    kind: 'data-loss',
    message: () => 'the monitor of the container has gone, nobody saw the end of the command',
  },
  otherPlatform: {
    kind: 'failed-precondition',
    message: (d: { reference: string; found: string; platform: string }) =>
      `image ${d.reference} is here for ${d.found}, not for ${d.platform}, and --pull never lets nothing come`,
    remedy: () => 'leave one of --platform and --pull never out',
  },
  neither: {
    kind: 'not-found',
    message: (d: { name: string }) => `there is no container and no image ${JSON.stringify(d.name)}`,
    remedy: () => 'isopod ps -a lists containers, isopod images lists images',
  },
  notFoundAny: {
    kind: 'not-found',
    message: (d: { missing: readonly string[] }) => `no container ${d.missing.join(', ')}`,
  },
});

/** The user called us wrongly or the engine failed; the command of the container never ran. */
export const EXIT_ENGINE = 125;
/** A command that takes several names was not done for each of them; the others are done all the same. */
export const EXIT_NOT_ALL = 1;
const EXIT_NOT_EXECUTABLE = 126;
const EXIT_NOT_FOUND = 127;

/** Errors that say the command itself cannot be run, as shells tell them. */
const EXIT_BY_CODE: Readonly<Record<string, number>> = {
  'plan.commandNotExecutable': EXIT_NOT_EXECUTABLE,
  'engine.foreignImage': EXIT_NOT_EXECUTABLE,
  'plan.commandNotFound': EXIT_NOT_FOUND,
};

/** @param code of an error that ended a command */
export function exitCodeOf(code: string): number {
  return EXIT_BY_CODE[code] ?? EXIT_ENGINE;
}
