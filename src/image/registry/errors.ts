import { defineErrors } from '../../model/error.ts';

export const registryErrors = defineErrors('registry', {
  unknownImage: {
    kind: 'not-found',
    message: (d: { image: string; registry: string }) => `image ${d.image} was not found in registry ${d.registry}`,
    remedy: () => 'check the spelling of its name and tag',
  },
  unknownBlob: {
    kind: 'data-loss',
    message: (d: { image: string; digest: string; registry: string }) =>
      `registry ${d.registry} has lost ${d.digest}, a part of ${d.image}`,
    remedy: () => 'push the image again',
  },
  refused: {
    kind: 'permission-denied',
    message: (d: { image: string; registry: string; status: number; answer: string }) =>
      `registry ${d.registry} refuses access to ${d.image} (HTTP ${d.status}${d.answer === '' ? '' : `: ${d.answer}`})`,
    remedy: () => 'check the spelling of its name; images that need a login cannot be pulled yet',
  },
  unreachable: {
    kind: 'unavailable',
    message: (d: { host: string; reason: string }) => `cannot reach registry ${d.host}: ${d.reason}`,
    remedy: () => 'check that the registry runs and that this machine can reach it, then try again',
  },
  stalled: {
    kind: 'unavailable',
    message: (d: { host: string; seconds: number }) => `registry ${d.host} has sent nothing for ${d.seconds} s`,
    remedy: () => 'try again later',
  },
  failing: {
    kind: 'unavailable',
    message: (d: { host: string; status: number; answer: string }) =>
      `registry ${d.host} answered HTTP ${d.status}${d.answer === '' ? '' : `: ${d.answer}`}`,
    remedy: () => 'try again later',
  },
  tooManyRedirects: {
    kind: 'unavailable',
    message: (d: { host: string; limit: number }) => `registry ${d.host} redirects more than ${d.limit} times`,
  },
  badToken: {
    kind: 'permission-denied',
    message: (d: { host: string; service: string }) => `registry ${d.host} gets no usable token from ${d.service}`,
  },
  cutShort: {
    kind: 'data-loss',
    message: (d: { host: string; what: string; bytes: number }) =>
      `registry ${d.host} broke off its ${d.what} after ${d.bytes} bytes`,
    remedy: () => 'pull again',
  },
  answerTooLarge: {
    kind: 'resource-exhausted',
    message: (d: { host: string; what: string; limitBytes: number }) =>
      `registry ${d.host} sends more than ${d.limitBytes} bytes as ${d.what}`,
  },
});
