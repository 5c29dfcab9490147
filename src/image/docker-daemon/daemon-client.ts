import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { join } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { systemReason } from '../../linux/errno.ts';
import type { DockerHost } from '../../model/docker-host.ts';
import { defineErrors, systemErrorCode } from '../../model/error.ts';

export const daemonErrors = defineErrors('docker-daemon', {
  badHost: {
    kind: 'invalid-argument',
    message: (d: { host: string }) =>
      `DOCKER_HOST ${JSON.stringify(d.host)} is neither unix:///PATH nor tcp://HOST:PORT`,
    remedy: () =>
      'give one of these; for an engine that is reached by ssh, forward its socket: ssh -L /tmp/docker.sock:/var/run/docker.sock HOST, with DOCKER_HOST=unix:///tmp/docker.sock',
  },
  unreachable: {
    kind: 'unavailable',
    message: (d: { host: string; reason: string }) => `the Docker engine at ${d.host} does not answer: ${d.reason}`,
    remedy: () => 'start it, or say with DOCKER_HOST where it is',
  },
  missingCertificate: {
    kind: 'failed-precondition',
    message: (d: { host: string; path: string; reason: string }) =>
      `DOCKER_TLS_VERIFY asks for TLS to the Docker engine at ${d.host}, and ${d.path} cannot be read: ${d.reason}`,
    remedy: () =>
      'put ca.pem, cert.pem and key.pem there, name their directory with DOCKER_CERT_PATH, or unset DOCKER_TLS_VERIFY for an engine without TLS',
  },
  unknownImage: {
    kind: 'not-found',
    message: (d: { host: string; name: string; said: string }) =>
      `the Docker engine at ${d.host} has no image ${d.name}: ${d.said}`,
  },
  refused: {
    kind: 'unavailable',
    message: (d: { host: string; status: number; said: string }) =>
      `the Docker engine at ${d.host} refuses with status ${d.status}: ${d.said}`,
  },
  notLoaded: {
    kind: 'data-loss',
    message: (d: { host: string; said: string }) => `the Docker engine at ${d.host} did not take the image: ${d.said}`,
  },
});

const DEFAULT_HOST = 'unix:///var/run/docker.sock';
const MAX_SAID_BYTES = 64 * 1024;
const SHOWN_CHARACTERS = 300;

/** The two calls of a Docker engine (API v1.24 and later) that hand images over. */
export class DaemonClient {
  readonly host: string;
  readonly #place: DockerHost;
  readonly #files: Files;

  constructor(place: DockerHost, files: Files) {
    this.#place = place;
    this.#files = files;
    this.host = place.host ?? DEFAULT_HOST;
  }

  /** What `docker save NAME` writes. @throws {EngineError} `docker-daemon.*` */
  async *save(name: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const sent = await this.#request({ method: 'GET', path: `/images/get?names=${encodeURIComponent(name)}` }, signal);
    sent.end();
    const answer = await this.#answer(sent, signal);
    if (answer.statusCode !== 200) {
      const said = await excerpt(answer);
      const { host } = this;
      if (answer.statusCode === 404) throw daemonErrors.unknownImage({ host, name, said });
      throw daemonErrors.refused({ host, status: answer.statusCode ?? 0, said });
    }
    try {
      for await (const chunk of answer) yield chunk as Uint8Array;
    } catch (error) {
      throw this.#unreachable(error, signal);
    }
    if (!answer.complete) throw daemonErrors.unreachable({ host: this.host, reason: 'it broke off' });
  }

  /** What `docker load` does with an archive. @throws {EngineError} `docker-daemon.*`, and what the archive throws */
  async load(archive: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const sent = await this.#request({ method: 'POST', path: '/images/load?quiet=1' }, signal);
    const answered = this.#answer(sent, signal);
    answered.catch(() => {});
    try {
      await sendAll(sent, archive, answered);
    } catch (error) {
      // A body that ended here would pass for a whole one.
      sent.destroy();
      throw error;
    }
    const answer = await answered;
    const said = await excerpt(answer);
    if (answer.statusCode !== 200) {
      throw daemonErrors.refused({ host: this.host, status: answer.statusCode ?? 0, said });
    }
    const error = errorIn(said);
    if (error !== undefined) throw daemonErrors.notLoaded({ host: this.host, said: error });
  }

  async #request(
    { method, path }: { readonly method: string; readonly path: string },
    signal: AbortSignal,
  ): Promise<http.ClientRequest> {
    signal.throwIfAborted();
    const headers = {
      host: 'docker',
      'user-agent': 'isopod',
      ...(method === 'POST' && { 'content-type': 'application/x-tar' }),
    };
    const [, socketPath] = /^unix:\/\/(\/.+)$/.exec(this.host) ?? [];
    if (socketPath !== undefined) return http.request({ socketPath, method, path, headers, signal });
    const [, name, port] = /^tcp:\/\/([^/:]+|\[[0-9a-fA-F:]+\]):(\d{1,5})\/?$/.exec(this.host) ?? [];
    if (name === undefined) throw daemonErrors.badHost({ host: this.host });
    const options = { host: name.replace(/^\[|\]$/g, ''), port, method, path, headers, signal };
    const { certificates } = this.#place;
    if (certificates === undefined) return http.request(options);
    const ca = await this.#certificate(join(certificates, 'ca.pem'));
    const cert = await this.#certificate(join(certificates, 'cert.pem'));
    const key = await this.#certificate(join(certificates, 'key.pem'));
    return https.request({ ...options, ca, cert, key });
  }

  async #certificate(path: string): Promise<Buffer> {
    try {
      return Buffer.from(await this.#files.readBytes(path));
    } catch (error) {
      const reason = systemReason(error);
      if (reason === undefined) throw error;
      throw daemonErrors.missingCertificate({ host: this.host, path, reason }, error);
    }
  }

  async #answer(sent: http.ClientRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    try {
      const [answer] = (await once(sent, 'response')) as [http.IncomingMessage];
      // Errors of the request after its response come out of the body, not out of here.
      sent.on('error', () => {});
      return answer;
    } catch (error) {
      throw this.#unreachable(error, signal);
    }
  }

  #unreachable(error: unknown, signal: AbortSignal): Error {
    if (signal.aborted) return signal.reason as Error;
    const reason = systemErrorCode(error) ?? (error as Error).message;
    return daemonErrors.unreachable({ host: this.host, reason }, error);
  }
}

/** An answer that comes before the end of the archive ends it: what is refused need not be sent to its end. */
async function sendAll(
  sent: http.ClientRequest,
  archive: AsyncIterable<Uint8Array>,
  answered: Promise<unknown>,
): Promise<void> {
  let isOver = false;
  const over = answered.then(
    () => {
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  for await (const chunk of archive) {
    if (isOver) return;
    if (!sent.write(chunk)) await Promise.race([new Promise((resolve) => sent.once('drain', resolve)), over]);
  }
  sent.end();
}

async function excerpt(answer: http.IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    if (bytes < MAX_SAID_BYTES) chunks.push(chunk as Uint8Array);
    bytes += (chunk as Uint8Array).length;
  }
  const text = Buffer.concat(chunks).toString('utf8').trim();
  return text.startsWith('{"message"') ? (messageOf(text) ?? text).slice(0, SHOWN_CHARACTERS) : text;
}

/** The engine answers 200 before it has looked at the archive; what goes wrong is a line of the answer. */
function errorIn(said: string): string | undefined {
  for (const line of said.split('\n')) {
    const found = /"error"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(line)?.[1];
    if (found !== undefined) return found.slice(0, SHOWN_CHARACTERS);
  }
  return undefined;
}

function messageOf(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
