import { expect, test } from 'vitest';
import { callersDockerHost } from './docker-engine.ts';

const callers = (env: Readonly<Record<string, string>>, ...references: readonly string[]) =>
  callersDockerHost({ env, cwd: '/here' }, references);

test('the Docker engine of the caller goes with a request that has an image there at either end', () => {
  const env = { DOCKER_HOST: 'unix:///me/docker.sock' };
  const host = { host: 'unix:///me/docker.sock', certificates: undefined };
  expect(callers(env, 'docker-daemon:app:1')).toEqual(host);
  expect(callers(env, 'oci:/x', 'docker-daemon:app:1')).toEqual(host);
});

test('a request without an image in a Docker engine says nothing of one', () => {
  expect(callers({ DOCKER_HOST: 'ssh://me@host' }, 'alpine', 'oci:/x')).toBeUndefined();
});

test('an environment that names no Docker engine leaves it to the agent', () => {
  expect(callers({ HOME: '/me' }, 'docker-daemon:app:1')).toBeUndefined();
});

test('certificates are found from where the caller stands', () => {
  const env = { DOCKER_HOST: 'tcp://h:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: 'certs' };
  expect(callers(env, 'docker-daemon:app:1')).toEqual({ host: 'tcp://h:2376', certificates: '/here/certs' });
});
