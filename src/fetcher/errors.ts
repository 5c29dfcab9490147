import { defineErrors } from '../model/error.ts';

export const fetcherErrors = defineErrors('fetcher', {
  answered: {
    kind: 'unavailable',
    message: (d: { url: string; status: number; attempts: number }) =>
      `${d.url} answers ${d.status}${d.attempts > 1 ? `, asked ${d.attempts} times` : ''}`,
    remedy: () => 'see with curl -v what the server says, or try again later',
  },
  missing: {
    kind: 'not-found',
    message: (d: { url: string; status: number }) => `${d.url} is not there (${d.status})`,
    remedy: () => 'look at the address',
  },
  wrongDigest: {
    kind: 'data-loss',
    message: (d: { what: string; expected: string; actual: string }) =>
      `${d.what} should have digest ${d.expected}, but what came has ${d.actual}`,
    remedy: () => 'look at what is there now; take the digest from its maker',
  },
  notAFile: {
    kind: 'invalid-argument',
    message: (d: { path: string; kind: string }) => `${d.path} is not a file (${d.kind})`,
    remedy: () => 'name a file, or an archive of a directory',
  },
  noFile: {
    kind: 'not-found',
    message: (d: { path: string; reason: string }) => `${d.path} cannot be read: ${d.reason}`,
    remedy: () => 'give the path of a file on the machine of the agent, which reads it',
  },
  changed: {
    kind: 'unavailable',
    message: (d: { what: string }) => `${d.what} changed while it was read`,
    remedy: () => 'try again once nobody writes to it',
  },
  badArchive: {
    kind: 'data-loss',
    message: (d: { what: string; entry: string; reason: string }) =>
      `${d.what} is no tar archive, or a damaged one${d.entry === '' ? '' : `, from ${d.entry} on`}: ${d.reason}`,
    remedy: () => 'look at what is there and have it made anew, or take it as the file that it is: extract=no',
  },
  badZip: {
    kind: 'data-loss',
    message: (d: { what: string; reason: string }) => `${d.what} cannot be unpacked as a zip file: ${d.reason}`,
    remedy: () => 'have it made anew, or give a tar',
  },
  refusedZip: {
    kind: 'invalid-argument',
    message: (d: { what: string; entry: string; reason: string }) =>
      `${JSON.stringify(d.entry)} in ${d.what} is not unpacked: ${d.reason}`,
    remedy: () => 'have the archive made without it, or give a tar',
  },
  zipTooLarge: {
    kind: 'resource-exhausted',
    message: (d: { what: string; limit: string }) => `${d.what} unpacks to more than ${d.limit}`,
    remedy: () => 'split it into several archives, or take it as the file that it is: extract=no',
  },
  diskFull: {
    kind: 'resource-exhausted',
    message: (d: { directory: string; url: string }) => `no space left under ${d.directory} for ${d.url}`,
    remedy: () => 'remove images that nobody uses with isopod image prune -a, or stopped containers with isopod rm',
  },
});
