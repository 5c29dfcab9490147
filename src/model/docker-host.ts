/** Where a Docker engine is, in the words of its own command line. */
export interface DockerHost {
  /** `unix:///PATH` or `tcp://HOST:PORT`; `unix:///var/run/docker.sock` unless given. */
  readonly host?: string | undefined;
  /** Directory of `ca.pem`, `cert.pem` and `key.pem`; with it TCP is TLS. */
  readonly certificates?: string | undefined;
}

/** What DOCKER_HOST, DOCKER_CERT_PATH and DOCKER_TLS_VERIFY say. */
export function dockerHostOf(env: Readonly<Record<string, string | undefined>>): DockerHost {
  const { DOCKER_HOST: host, DOCKER_CERT_PATH, DOCKER_TLS_VERIFY = '', HOME = '/' } = env;
  const certificates = DOCKER_CERT_PATH || `${HOME}/.docker`;
  return { host: host || undefined, certificates: DOCKER_TLS_VERIFY === '' ? undefined : certificates };
}
