import { imageReferenceErrors, parseImageReference } from './image-reference.ts';

/** How Docker Hub is called in references, whatever its hosts are. */
export const DOCKER_HUB = 'docker.io';
const HUB_HOSTS = ['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'];

/**
 * The registry that somebody names by its host, or as clients have noted it: `https://index.docker.io/v1/`.
 *
 * @returns what references call it
 * @throws {EngineError} `image-reference.malformed` (invalid-argument)
 */
export function parseRegistryName(text: string): string {
  const host = registryHostOf(text);
  if (HUB_HOSTS.includes(host)) return DOCKER_HUB;
  // A reference knows what a host looks like, and what is none: `alpine` would be a repository.
  const reference = parseImageReference(`${host}/repository`);
  if (reference.kind === 'registry' && reference.registry === host) return host;
  const reason = 'a registry is a host with a dot or a port, or localhost';
  throw imageReferenceErrors.malformed({ text, reason });
}

/** The host of an address as credentials are noted under it: no scheme, no path. */
export function registryHostOf(text: string): string {
  return text.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}
