import { defineErrors } from '../../../model/error.ts';

export const operatorErrors = defineErrors('operator', {
  recovering: {
    kind: 'unavailable',
    message: () => 'the agent has not finished recovery',
    remedy: () => 'try again in a moment',
  },
  unknownCall: {
    kind: 'unimplemented',
    message: (d: { type: string }) => `the agent does not take calls of type ${d.type}`,
    remedy: () => 'docs/agent-api.md lists those that it takes',
  },
  invalidCall: {
    kind: 'invalid-argument',
    message: (d: { reason: string }) => `failed to validate agent::Call: ${d.reason}`,
  },
  unsupported: {
    kind: 'invalid-argument',
    message: (d: { field: string; reason: string }) => `failed to validate agent::Call: ${d.field}: ${d.reason}`,
    remedy: () => 'leave it out; docs/agent-api.md says what takes its place',
  },
  badRecord: {
    kind: 'invalid-argument',
    message: (d: { reason: string }) => `failed to read a record of the stream: ${d.reason}`,
  },
  hasEnded: {
    kind: 'not-found',
    message: (d: { id: string }) => `container ${d.id} has ended, so no signal reaches it`,
    remedy: () => 'WAIT_CONTAINER tells how it ended',
  },
  noSuchFile: {
    kind: 'not-found',
    message: (d: { path: string }) => `${d.path} begins with the id of no container, nor with its sandbox directory`,
    remedy: () => 'write CONTAINER/PATH; GET_CONTAINERS lists the containers that are alive',
  },
  tooManyFiles: {
    kind: 'resource-exhausted',
    message: (d: { path: string; count: number }) =>
      `${d.path} has more entries than the ${d.count} that fit into an answer`,
  },
  attachRefused: {
    kind: 'failed-precondition',
    message: (d: { id: string; answer: string }) =>
      `the monitor of container ${d.id} answered an attachment with ${d.answer}`,
  },
  unknownContainer: {
    kind: 'not-found',
    message: (d: { id: string }) => `container ${d.id} is not there`,
    remedy: () => 'GET_CONTAINERS with show_nested lists those that are alive',
  },
  rootGone: {
    kind: 'failed-precondition',
    message: (d: { id: string; root: string }) =>
      `container ${d.id} cannot be removed: container ${d.root}, which it lived in, is not there, and has taken it along`,
  },
  idTaken: {
    kind: 'already-exists',
    message: (d: { id: string; holder: string }) => `id ${d.id} belongs to ${d.holder}`,
    remedy: () => 'choose another id, or remove that one once it has ended',
  },
  tooManySessions: {
    kind: 'resource-exhausted',
    message: (d: { limit: number }) => `${d.limit} sessions are under way already`,
    remedy: () => 'end some of them first',
  },
  stillRunning: {
    kind: 'failed-precondition',
    message: (d: { id: string }) => `container ${d.id} has not terminated yet`,
    remedy: () => 'kill it and wait for its end first',
  },
});
