import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Files } from '../../base/effects.ts';
import type { Door } from './access/authenticate.ts';
import { createTlsServer, reloadTls, type TlsFiles } from './access/tls-server.ts';

export interface TlsPlace extends TlsFiles {
  readonly host: string;
  readonly port: number;
}

/** Where a unix socket is to be made, or the descriptor of one that we were given. */
export type SocketPlace = { readonly path: string } | { readonly fd: number };

/** What is spoken after an upgrade: frames of docs/protocol.md. */
export const STREAM_PROTOCOL = 'isopod-frames';

interface DoorsOptions {
  readonly handle: (request: IncomingMessage, response: ServerResponse, door: Door) => void;
  /** A request that asks for streams, whose connection is the handler's from here on. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer, door: Door) => void;
  /** A connection was not accepted, or broke before it was one. */
  readonly warn: (error: Error, door: Door) => void;
}

const HEADERS_TIMEOUT_MS = 5_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** Whoever asks for another protocol is answered as if he had not (RFC 9110 §7.8). */
const shouldUpgradeCallback = ({ headers }: IncomingMessage): boolean => headers.upgrade === STREAM_PROTOCOL;
const HTTP = {
  shouldUpgradeCallback,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: 0,
  maxHeaderSize: MAX_HEADER_BYTES,
} as const;
/** Where anybody may knock; the socket of the agent's own user is bounded by its mode. */
const MAX_STRANGERS = 512;

/** Where the agent listens. Every request is handed on with the door that it came through. */
export class Doors {
  readonly #options: DoorsOptions;
  readonly #servers: Server[] = [];
  readonly #tls: { readonly server: TlsServer; readonly place: TlsPlace }[] = [];

  constructor(options: DoorsOptions) {
    this.#options = options;
  }

  /**
   * Listens on a unix socket: at a path, where the umask decides of its mode and the caller has removed a stale one
   * under the lock, or on one that listens already, which stays when we stop.
   */
  async listenAt(at: SocketPlace, door: Exclude<Door, 'tls'>): Promise<void> {
    const server = createServer(HTTP, (request, response) => this.#options.handle(request, response, door));
    if (door !== 'socket') server.maxConnections = MAX_STRANGERS;
    await this.#begin(server, at, door);
  }

  /** Listens on TCP, for clients with a certificate. @returns the port, which is of the kernel's choice for 0 */
  async listenTls(files: Files, place: TlsPlace): Promise<number> {
    const listener = (request: IncomingMessage, response: ServerResponse): void =>
      this.#options.handle(request, response, 'tls');
    const server = await createTlsServer(files, place, { options: HTTP, listener });
    server.maxConnections = MAX_STRANGERS;
    server.on('tlsClientError', (error) => this.#options.warn(error, 'tls'));
    await this.#begin(server, { host: place.host, port: place.port }, 'tls');
    this.#tls.push({ server, place });
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : place.port;
  }

  /** Reads certificates again, for connections from now on. @throws when they cannot be used; those before stay */
  async reloadTls(files: Files): Promise<void> {
    await Promise.all(this.#tls.map(({ server, place }) => reloadTls(server, files, place)));
  }

  /** Stops listening, and ends connections on which nothing is under way. @returns when the last one has ended */
  stop(): Promise<unknown> {
    const ended = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const server of this.#servers) server.closeIdleConnections();
    return Promise.all(ended);
  }

  cut(): void {
    for (const server of this.#servers) server.closeAllConnections();
  }

  #begin(server: Server, at: SocketPlace | { readonly host: string; readonly port: number }, door: Door) {
    this.#servers.push(server);
    server.on('upgrade', (request, socket, head) => this.#options.upgrade(request, socket, head, door));
    return new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(at, () => {
        server.off('error', reject);
        // No descriptor for a connection, say: that one is lost, and the agent goes on.
        server.on('error', (error) => this.#options.warn(error, door));
        resolve();
      });
    });
  }
}
