import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { Grant, GrantRule } from '../../../model/access.ts';
import type { Caller } from './decide.ts';
import { accessErrors } from './errors.ts';
import type { Tokens } from './tokens.ts';

/** Which way a request came in, and what counts there besides a token. */
export type Door =
  /** The socket whose mode says who may connect. */
  | 'socket'
  /** The socket that everybody may connect to: a token alone. */
  | 'token socket'
  /** TCP, where a client certificate was checked. */
  | 'tls';

/** Who is at the other end of a unix socket. */
export interface Peer {
  readonly uid: number;
  /** Its group, and the further ones. */
  readonly gids: readonly number[];
}

/** Rules of the agent's command line, with the numbers of users and groups. */
export interface NumberedRule {
  readonly kind: 'user' | 'group';
  readonly number: number;
  readonly grant: Grant;
}

export interface AuthenticatorOptions {
  readonly tokens: Tokens;
  readonly certificates: readonly GrantRule[];
  /** Without any, whoever the socket's mode lets in may do everything, and nobody is asked who it is. */
  readonly accounts: readonly NumberedRule[];
  /** The user of the agent itself, who could change all that the agent has. */
  readonly ownUid: number;
  readonly peerOf: (socket: Socket) => Promise<Peer>;
}

/** Whoever the mode of the socket lets in, where nobody is asked further. */
export const SOCKET_NAME = 'the socket';
const ADMIN: Grant = { role: 'admin' };
const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

/** Finds out who sends a request. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #peers = new WeakMap<Socket, Promise<Caller>>();

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /**
   * A token says more than the way it came by: who sends one is that token and nothing else.
   *
   * @throws {EngineError} `access.noCredential`, `access.badToken` (unauthenticated), `access.noGrant`
   */
  async callerOf(request: IncomingMessage, door: Door): Promise<Caller> {
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const [, token] = BEARER.exec(authorization) ?? [];
      if (token === undefined) throw accessErrors.badToken({ reason: 'not sent as `Authorization: Bearer TOKEN`' });
      return this.#options.tokens.verify(token);
    }
    switch (door) {
      case 'token socket':
        throw accessErrors.noCredential({ door: 'this socket' });
      case 'tls':
        return certificateCaller(request.socket as TLSSocket, this.#options.certificates);
      case 'socket':
        return this.#socketCaller(request.socket);
    }
  }

  async #socketCaller(socket: Socket): Promise<Caller> {
    if (this.#options.accounts.length === 0) return { name: SOCKET_NAME, grant: ADMIN };
    // Once for each connection: its peer is who made it, whoever writes to it later (unix(7), SO_PEERCRED).
    let caller = this.#peers.get(socket);
    if (caller === undefined) {
      caller = this.#options.peerOf(socket).then((peer) => peerCaller(peer, this.#options));
      caller.catch(() => this.#peers.delete(socket));
      this.#peers.set(socket, caller);
    }
    return caller;
  }
}

/** The first rule that fits decides; root and the agent's own user need none. */
export function peerCaller(
  { uid, gids }: Peer,
  { accounts, ownUid }: Pick<AuthenticatorOptions, 'accounts' | 'ownUid'>,
): Caller {
  const name = `user ${uid}`;
  if (uid === 0 || uid === ownUid) return { name, grant: ADMIN };
  const rule = accounts.find(({ kind, number }) => (kind === 'user' ? number === uid : gids.includes(number)));
  if (rule === undefined) throw accessErrors.noGrant({ who: name });
  return { name, grant: rule.grant };
}

function certificateCaller(socket: TLSSocket, rules: readonly GrantRule[]): Caller {
  const commonName = commonNameOf(socket.getPeerCertificate());
  // The server refuses others in the handshake; a server that was told not to would let anybody say who he is.
  if (!socket.authorized || commonName === undefined) throw accessErrors.noCredential({ door: 'this port' });
  const name = `certificate ${commonName}`;
  const rule = rules.find(({ to }) => to.kind === 'certificate' && (to.name === '*' || to.name === commonName));
  if (rule === undefined) throw accessErrors.noGrant({ who: name });
  return { name, grant: rule.grant };
}

/** A subject with several common names is nobody: which one counts would be the reader's choice. */
function commonNameOf({ subject }: Partial<PeerCertificate>): string | undefined {
  const commonName: unknown = subject?.CN;
  return typeof commonName === 'string' && commonName !== '' ? commonName : undefined;
}
