import { isIPv6 } from 'node:net';
import { defineErrors } from '../../model/error.ts';
import { DOCKER_HUB } from '../../model/registry-name.ts';

export const endpointErrors = defineErrors('registry-endpoint', {
  refusedUrl: {
    kind: 'permission-denied',
    message: (d: { registry: string; target: string; reason: string }) =>
      `registry ${d.registry} points to ${d.target}, which is not followed: ${d.reason}`,
  },
});

const DOCKER_HUB_API = 'registry-1.docker.io';

/** Base address of a registry: HTTPS, but plain HTTP where the traffic cannot leave this machine. */
export function registryUrl(registry: string): URL {
  const host = registry === DOCKER_HUB ? DOCKER_HUB_API : registry;
  const url = new URL(`https://${host}/`);
  if (!isLoopback(url)) return url;
  // A URL forgets a port that is its scheme's default, so the scheme cannot be changed afterwards.
  return new URL(`http://${host}/`);
}

/** Whether a URL's host is this machine by its very name: 127.0.0.0/8, ::1 or localhost. */
function isLoopback(url: URL): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  return isIPv6(host) ? host === '::1' : /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/**
 * The address that a registry sends us on to, by redirect or as token service. Only HTTPS leaves the machine, unless this host's
 * settings have chosen plain HTTP for the registry itself; and a remote registry cannot make us ask services of this machine on its behalf.
 *
 * @throws {EngineError} `registry-endpoint.refusedUrl` (permission-denied)
 */
export function followedUrl(from: URL, target: string): URL {
  const refuse = (reason: string): never => {
    throw endpointErrors.refusedUrl({ registry: from.host, target, reason });
  };
  let url: URL;
  try {
    url = new URL(target, from);
  } catch {
    return refuse('it is not a URL');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return refuse('only http and https are');
  if (isLoopback(url) && !isLoopback(from)) return refuse('it leads from another machine to this one');
  const isChosenPlain = from.protocol === 'http:' && !isLoopback(from);
  if (url.protocol === 'http:' && !isLoopback(url) && !isChosenPlain)
    return refuse('plain http is for this machine only');
  return url;
}
