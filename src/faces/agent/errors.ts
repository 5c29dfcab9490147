import { defineErrors } from '../../model/error.ts';

export const agentErrors = defineErrors('agent', {
  noRoute: {
    kind: 'not-found',
    message: (d: { method: string; path: string }) => `the agent has nothing at ${d.method} ${d.path}`,
    remedy: () => 'check that client and agent are of one version: isopod version',
  },
  wrongMethod: {
    kind: 'invalid-argument',
    message: (d: { method: string; path: string; allowed: readonly string[] }) =>
      `${d.path} takes ${d.allowed.join(', ')}, not ${d.method}`,
  },
  otherRoot: {
    kind: 'failed-precondition',
    message: (d: { stateDir: string; rootDir: string; wanted: string; pid: number }) =>
      `the agent at ${d.stateDir} serves root directory ${d.rootDir}, not ${d.wanted}`,
    remedy: (d: { pid: number }) => `choose another --state directory too, or end that agent, process ${d.pid}`,
  },
  recovering: {
    kind: 'unavailable',
    message: () => 'the agent is still looking after the containers of an earlier one',
    remedy: () => 'try again in a moment',
  },
  stopping: {
    kind: 'unavailable',
    message: () => 'the agent is stopping',
    remedy: () => 'try again: another agent is started when none is there',
  },
  bodyTooLarge: {
    kind: 'resource-exhausted',
    message: (d: { limitBytes: number }) => `the request body is larger than ${d.limitBytes} bytes`,
    remedy: () => 'hand large data over in a file, with a volume',
  },
  bodyLate: {
    kind: 'deadline-exceeded',
    message: (d: { deadlineMs: number }) => `the request body did not arrive within ${d.deadlineMs} ms`,
  },
  notJson: {
    kind: 'invalid-argument',
    message: (d: { reason: string }) => `the request body is not JSON: ${d.reason}`,
  },
  unknownField: {
    kind: 'invalid-argument',
    message: (d: { where: string; fields: readonly string[] }) => `unknown field ${d.fields.join(', ')} in ${d.where}`,
    remedy: () => 'check the spelling, and that client and agent are of one version',
  },
  badField: {
    kind: 'invalid-argument',
    message: (d: { field: string; reason: string }) => `${d.field}: ${d.reason}`,
  },
  probeFailed: {
    kind: 'internal',
    message: (d: { end: string }) => `the probe did not get to its end in the container: ${d.end}`,
    remedy: () => 'a profile, a limit or a rule may not let it run; leave them out one by one',
  },
  deadline: {
    kind: 'deadline-exceeded',
    message: (d: { route: string; deadlineMs: number }) => `${d.route} took longer than ${d.deadlineMs} ms`,
    remedy: () =>
      '`isopod debug operations` tells what is waited for; agent.log in the state directory has what went wrong',
  },
  notUpgraded: {
    kind: 'invalid-argument',
    message: (d: { route: string; protocol: string }) =>
      `${d.route} is for requests that ask for ${d.protocol} by Upgrade`,
    remedy: () => 'send the headers Connection: Upgrade and Upgrade: isopod-frames',
  },
  notAStream: {
    kind: 'invalid-argument',
    message: (d: { route: string; protocol: string }) => `${d.route} has no streams for ${d.protocol}`,
    remedy: () => 'leave the header Upgrade out',
  },
  streamGone: {
    kind: 'not-found',
    message: (d: { reason: string }) => `nobody has these streams any more: ${d.reason}`,
  },
  keyReused: {
    kind: 'invalid-argument',
    message: (d: { key: string; first: string; now: string }) =>
      `idempotency key ${d.key} was used for ${d.first}, and now for ${d.now}${d.first === d.now ? ' with another query or body' : ''}`,
    remedy: () => 'choose a new key for each request',
  },
  signalUncertain: {
    kind: 'failed-precondition',
    message: (d: { id: string; signal: number }) =>
      `an earlier agent was to send signal ${d.signal} to ${d.id} and died before it answered: it was sent once, or not at all`,
    remedy: () => 'look whether it has had its effect; to send it again, choose a new idempotency key',
  },
  keyTooLong: {
    kind: 'invalid-argument',
    message: (d: { length: number; most: number }) =>
      `an idempotency key of ${d.length} characters, and at most ${d.most} are taken`,
  },
});
