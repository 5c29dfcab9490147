import { resolve } from 'node:path';
import { type DockerHost, dockerHostOf } from '../../model/docker-host.ts';
import { parseImageReference } from '../../model/image-reference.ts';
import type { CliContext } from './context.ts';

/**
 * Where the caller's own environment says that the Docker engine of a `docker-daemon:` reference is.
 *
 * @param references those of one request
 * @returns `undefined` where none of them is in a Docker engine, and where the environment says nothing: then the agent's own choice holds
 */
export function callersDockerHost(
  context: Pick<CliContext, 'env' | 'cwd'>,
  references: readonly string[],
): DockerHost | undefined {
  if (!references.some((text) => parseImageReference(text).kind === 'docker-daemon')) return undefined;
  const { host, certificates } = dockerHostOf(context.env);
  if (host === undefined && certificates === undefined) return undefined;
  return { host, certificates: certificates === undefined ? undefined : resolve(context.cwd, certificates) };
}
