import { defineErrors } from '../model/error.ts';

export const mainErrors = defineErrors('main', {
  notRoot: {
    kind: 'permission-denied',
    message: (d: { uid: number }) => `isopod needs root to make containers, and this is user ${d.uid}`,
    remedy: () => 'run it as root, for example with sudo',
  },
  inUse: {
    kind: 'failed-precondition',
    message: (d: { path: string; holder: string }) => `${d.path} is in use by process ${d.holder}`,
    remedy: () => 'end that process, or choose other directories with --root and --state',
  },
  foreignNamespace: {
    kind: 'failed-precondition',
    message: (d: { namespaces: readonly string[] }) =>
      `this process has another ${d.namespaces.join(', ')} namespace than process 1`,
    remedy: () => 'start the agent outside, or allow it with --allow-namespaces or ISOPOD_ALLOW_NAMESPACES=1',
  },
  directoryRefused: {
    kind: 'failed-precondition',
    message: (d: { option: string; path: string; reason: string; isReadOnly: boolean }) =>
      `the ${d.option} directory ${d.path} cannot be used: ${d.reason}`,
    remedy: (d) => {
      const other = `choose one on a file system with room that can be written, with --${d.option}`;
      return d.isReadOnly ? `remount its file system (mount -o remount,rw), or ${other}` : other;
    },
  },
  unknownIsolators: {
    kind: 'invalid-argument',
    message: (d: { unknown: readonly string[]; known: readonly string[] }) =>
      `no isolator ${d.unknown.join(', ')}; there are ${d.known.join(', ')}`,
    remedy: () => 'check the spelling',
  },
  noSystemd: {
    kind: 'failed-precondition',
    message: (d: { missing: readonly string[] }) =>
      `the cgroup driver systemd needs systemd as the first process of this host, and there is no ${d.missing.join(', no ')}`,
    remedy: () => 'run the agent with --cgroup-driver cgroupfs, or on a host that systemd has booted',
  },
  driverOfPosix: {
    kind: 'invalid-argument',
    message: () =>
      'the cgroup driver systemd is of the launcher linux, and the launcher is posix, which makes no groups',
    remedy: () => 'run the agent as root, with --launcher linux, or leave the cgroup driver out',
  },
  otherDriver: {
    kind: 'failed-precondition',
    message: (d: { state: string; before: string; now: string; containers: number }) =>
      `${d.containers} containers of ${d.state} were made with ${d.before}, and this agent has ${d.now}`,
    remedy: (d: { before: string }) => `end them first, or run the agent with ${d.before}`,
  },
  agentFailed: {
    kind: 'unavailable',
    message: (d: { reason: string }) => `the agent did not start: ${d.reason}`,
    remedy: () => 'see agent.log in the state directory',
  },
  agentLate: {
    kind: 'deadline-exceeded',
    message: (d: { socketPath: string; deadlineMs: number }) =>
      `the agent does not listen on ${d.socketPath} after ${d.deadlineMs} ms`,
    remedy: () => 'see agent.log and agent.stderr in the state directory',
  },
  passedSockets: {
    kind: 'invalid-argument',
    message: (d: { count: string; names: string }) =>
      `the service manager passed ${d.count} sockets (${d.names}), and an agent takes 1`,
    remedy: () => 'leave one ListenStream= in isopod.socket',
  },
  otherSocket: {
    kind: 'invalid-argument',
    message: (d: { found: string; path: string }) =>
      `the service manager passed a socket at ${d.found}, and clients look for ${d.path}`,
    remedy: () => 'let ListenStream= of isopod.socket name agent.sock in the --state directory',
  },
  socketPathTooLong: {
    kind: 'invalid-argument',
    message: (d: { state: string; bytes: number; most: number; socketBytes: number }) =>
      `state directory ${d.state} has ${d.bytes} bytes, at most ${d.most} leave room for a socket: its path may have ${d.socketBytes}`,
    remedy: () => 'choose a shorter --state directory',
  },
  helperSilent: {
    kind: 'deadline-exceeded',
    message: (d: { during: string; deadlineMs: number }) =>
      `the helper did not answer ${d.during} within ${d.deadlineMs} ms`,
    remedy: () =>
      'the fork server could not be found or ended: kill it (pgrep -f fork-server); containers run on, and an agent starts another',
  },
  noHelper: {
    kind: 'failed-precondition',
    message: (d: { path: string }) => `the helper is not at ${d.path}`,
    remedy: () => 'build it: npm run build',
  },
});
