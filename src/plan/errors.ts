import { defineErrors } from '../model/error.ts';

/** What composing and encoding refuse; `describe-failure.ts` has those of a launch that the kernel refused. */
export const planErrors = defineErrors('plan', {
  otherUser: {
    kind: 'permission-denied',
    message: (d: { asked: string; uid: number }) =>
      `the container was to run as user ${d.asked}, and the agent runs as user ${d.uid}, who cannot become another`,
    remedy: () => 'leave the user out, or run the agent as root',
  },
  conflict: {
    kind: 'invalid-argument',
    message: (d: { field: string; first: string; firstValue: string; second: string; secondValue: string }) =>
      `isolators ${d.first} and ${d.second} disagree on ${d.field}: ${d.firstValue} and ${d.secondValue}`,
    remedy: (d: { first: string; second: string }) =>
      `leave out ${d.first} or ${d.second}, or the option that one serves`,
  },
  noCommand: {
    kind: 'invalid-argument',
    message: (d: { name: string }) => `container ${d.name} has no command: neither the caller nor an image names one`,
    remedy: () => 'name a command after the image',
  },
  controllerNotPlaced: {
    kind: 'failed-precondition',
    message: (d: { by: string; controller: string }) =>
      `${d.by} wants the cgroup controller ${d.controller}, and the container has no group for it`,
    remedy: (d: { by: string }) => `leave out ${d.by}`,
  },
  unboundSlot: {
    kind: 'internal',
    message: (d: { slot: string; op: string; by: string }) =>
      `step ${d.op} of ${d.by} uses ${d.slot}, which no earlier step fills`,
  },
  secretMissing: {
    kind: 'invalid-argument',
    message: (d: { secret: string; by: string }) =>
      `${d.by} wants secret ${d.secret}, and no value came with the request`,
    remedy: (d: { secret: string }) => `give it: --secret ${d.secret},source=FILE, or the field secrets of the request`,
  },
  secretWithNul: {
    kind: 'invalid-argument',
    message: (d: { secret: string; variable: string }) =>
      `secret ${d.secret} holds a NUL character, which the variable ${d.variable} cannot`,
    remedy: () => 'hand it over as a file',
  },
  needsMountNamespace: {
    kind: 'invalid-argument',
    message: (d: { by: string; what: string }) =>
      `${d.by} wants ${d.what}, and the container has no mount namespace of its own`,
    remedy: () => 'add filesystem/linux to the isolators',
  },
  tooManyMounts: {
    kind: 'resource-exhausted',
    message: (d: { count: number; most: number }) => `${d.count} mounts, and a launch can make ${d.most}`,
    remedy: () => 'mount a common parent directory instead of many paths below it',
  },
});
