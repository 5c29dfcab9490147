import { defineErrors } from '../../model/error.ts';

const LATER = (): string => 'try again later';

export const registryErrors = defineErrors('registry', {
  unknownImage: {
    kind: 'not-found',
    message: (d: { image: string; registry: string }) => `image ${d.image} was not found in registry ${d.registry}`,
    remedy: () => 'check the spelling of its name and tag',
  },
  notThere: {
    kind: 'not-found',
    message: (d: { host: string }) => `registry ${d.host} has not what it was asked for (HTTP 404)`,
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
    remedy: (d: { registry: string }) => `check the spelling of its name, and log in: isopod login ${d.registry}`,
  },
  refusedElsewhere: {
    kind: 'permission-denied',
    message: (d: { image: string; host: string; registry: string; status: number; answer: string }) =>
      `${d.host}, which is asked for registry ${d.registry}, refuses access to ${d.image} (HTTP ${d.status}${d.answer === '' ? '' : `: ${d.answer}`})`,
    remedy: (d: { host: string; registry: string }) =>
      `it is shown no login of ${d.registry}: give what proves who asks as a header of ${d.host} in the hosts.toml (docs/images/registries.md)`,
  },
  loginUnused: {
    kind: 'failed-precondition',
    message: (d: { registry: string; hosts: readonly string[] }) =>
      `the hosts.toml for registry ${d.registry} has only ${d.hosts.join(' and ')} asked, which are shown no login of ${d.registry}`,
    remedy: (d: { registry: string }) =>
      `write server = "https://${d.registry}" there, or give what proves who asks as a header of the host (docs/images/registries.md)`,
  },
  loginRefused: {
    kind: 'unauthenticated',
    message: (d: { registry: string; status: number; answer: string }) =>
      `registry ${d.registry} does not accept this user and password (HTTP ${d.status}${d.answer === '' ? '' : `: ${d.answer}`})`,
    remedy: () => 'check both; some registries want a token of theirs in place of the password',
  },
  unreachable: {
    kind: 'unavailable',
    message: (d: { host: string; reason: string; proxy?: string | undefined }) =>
      `cannot reach registry ${d.host}: ${d.reason}`,
    remedy: (d: { host: string; proxy?: string | undefined }) =>
      d.proxy === undefined
        ? 'check that the registry runs and that this machine can reach it, then try again'
        : `check that the proxy runs, or have ${d.host} asked without it: by NO_PROXY of the agent's environment, or without proxy in its hosts.toml`,
  },
  untrusted: {
    kind: 'unavailable',
    message: (d: { host: string; reason: string }) =>
      `the certificate of registry ${d.host} is not trusted: ${d.reason}`,
    remedy: (d: { host: string }) =>
      `name its authority as ca in the hosts.toml of ${d.host} (docs/images/registries.md), or add it to those of this machine`,
  },
  clientWanted: {
    kind: 'unauthenticated',
    message: (d: { host: string; reason: string }) =>
      `registry ${d.host} breaks off the TLS handshake (${d.reason}), as registries do that ask for a client certificate`,
    remedy: (d: { host: string }) =>
      `give ours as client in the hosts.toml of ${d.host} (docs/images/registries.md); where none is asked for, its TLS and ours have nothing in common`,
  },
  clientRefused: {
    kind: 'permission-denied',
    message: (d: { host: string; certificate: string; reason: string }) =>
      `registry ${d.host} does not accept our client certificate ${d.certificate}: ${d.reason}`,
    remedy: (d: { host: string }) =>
      `name one that its authorities have signed, and that counts today, as client in the hosts.toml of ${d.host}`,
  },
  stalled: {
    kind: 'unavailable',
    message: (d: { host: string; seconds: number }) => `registry ${d.host} has sent nothing for ${d.seconds} s`,
    remedy: LATER,
  },
  failing: {
    kind: 'unavailable',
    message: (d: { host: string; status: number; answer: string }) =>
      `registry ${d.host} answered HTTP ${d.status}${d.answer === '' ? '' : `: ${d.answer}`}`,
    remedy: LATER,
  },
  notPlain: {
    kind: 'unavailable',
    message: (d: { host: string; answer: string }) =>
      `registry ${d.host} does not understand plain HTTP${d.answer === '' ? '' : `: ${d.answer}`}`,
    remedy: (d: { host: string }) =>
      `where it speaks HTTPS, write server = "https://${d.host}" in its hosts.toml (docs/images/registries.md)`,
  },
  notTls: {
    kind: 'unavailable',
    message: (d: { host: string }) => `registry ${d.host} does not understand TLS`,
    remedy: (d: { host: string }) =>
      `where it speaks plain HTTP, write server = "http://${d.host}" in its hosts.toml (docs/images/registries.md)`,
  },
  rateLimited: {
    kind: 'unavailable',
    message: (d: { host: string; seconds: number; mostSeconds: number }) =>
      `registry ${d.host} has had too many requests and wants none for ${d.seconds} s, longer than the ${d.mostSeconds} s that are waited`,
    remedy: (d: { seconds: number }) => `try again in ${d.seconds} s, or log in: registries allow known users more`,
  },
  tooManyRedirects: {
    kind: 'unavailable',
    message: (d: { host: string; limit: number }) => `registry ${d.host} redirects more than ${d.limit} times`,
  },
  badToken: {
    kind: 'permission-denied',
    message: (d: { host: string; service: string }) => `registry ${d.host} gets no usable token from ${d.service}`,
    remedy: (d: { host: string }) => `check the name, and log in: isopod login ${d.host}`,
  },
  cutShort: {
    kind: 'data-loss',
    message: (d: { host: string; what: string; bytes: number }) =>
      `registry ${d.host} broke off its ${d.what} after ${d.bytes} bytes`,
    remedy: () => 'pull again',
  },
  wrongRange: {
    kind: 'data-loss',
    message: (d: { host: string; digest: string; asked: number; answer: string }) =>
      `registry ${d.host} was asked for ${d.digest} from byte ${d.asked} on and sends ${d.answer}`,
    remedy: () => 'pull again; if it happens again, the registry or a proxy before it is broken',
  },
  answerTooLarge: {
    kind: 'resource-exhausted',
    message: (d: { host: string; what: string; limitBytes: number }) =>
      `registry ${d.host} sends more than ${d.limitBytes} bytes as ${d.what}`,
  },
  badAnswer: {
    kind: 'data-loss',
    message: (d: { host: string; what: string; reason: string }) =>
      `registry ${d.host} sends no usable ${d.what}: ${d.reason}`,
  },
});

export const pushErrors = defineErrors('registry-push', {
  wrongDigest: {
    kind: 'data-loss',
    message: (d: { host: string; what: string; expected: string; actual: string }) =>
      `registry ${d.host} has stored ${d.what} as ${d.actual}, not as ${d.expected}`,
    remedy: () => 'push again; if it happens again, something on the way changes what is sent',
  },
  refusedContent: {
    kind: 'invalid-argument',
    message: (d: { host: string; what: string; status: number; answer: string }) =>
      `registry ${d.host} does not take ${d.what} (HTTP ${d.status}${d.answer === '' ? '' : `: ${d.answer}`})`,
  },
  noPlace: {
    kind: 'unavailable',
    message: (d: { host: string; what: string; reason: string }) =>
      `registry ${d.host} has no place for ${d.what}: ${d.reason}`,
  },
  digestNamed: {
    kind: 'invalid-argument',
    message: (d: { target: string; expected: string; actual: string }) =>
      `${d.target} names ${d.expected}, and what is pushed is ${d.actual}`,
    remedy: () => 'name a tag, or no digest at all',
  },
  brokenOff: {
    kind: 'unavailable',
    message: (d: { host: string; what: string; bytes: number; attempts: number }) =>
      `registry ${d.host} broke off the upload of ${d.what} at byte ${d.bytes}, ${d.attempts} times without progress`,
    remedy: () => 'push again',
  },
});
