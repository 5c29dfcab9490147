import { dirname, join } from 'node:path';
import { giveToGroup, setSocketMode } from '../base/effects/socket-descriptor.ts';
import type { Effects } from '../base/effects.ts';
import type { Door } from '../faces/agent/access/authenticate.ts';
import type { AgentLog, AgentServer } from '../faces/agent/server.ts';
import type { AgentAccessOptions, AgentPort } from '../faces/cli/context.ts';
import { systemErrorCode } from '../model/error.ts';
import { accountNumber } from './agent-access.ts';
import { checkPassedSocket, passedDescriptor } from './passed-socket.ts';

/**
 * In a directory of its own, which a container can be given: there before there is a socket, and what the next agent
 * makes in it is seen there.
 */
const TOKEN_DIRECTORY = 'token';
const TOKEN_SOCKET = join(TOKEN_DIRECTORY, 'sock');
/** Anybody may connect: what counts is the token. */
const TOKEN_SOCKET_MODE = 0o666;
/** Certificates are replaced file by file; a pair that does not fit yet is tried again with the next change. */
const SETTLE_MS = 500;

/** The ways that lead to an agent: its socket, the one for tokens, and a port. */
export class AgentWays {
  readonly #effects: Effects;
  readonly #state: string;
  readonly #options: AgentAccessOptions;
  /** The descriptor of the socket, where the service manager has made it. */
  readonly #passed: number | undefined;
  readonly #log: AgentLog;
  readonly #closed = new AbortController();
  #server: AgentServer | undefined;
  #tokenSocket: Promise<void> | undefined;

  /** @throws {EngineError} `main.passedSockets` (invalid-argument) */
  constructor(
    effects: Effects,
    parts: {
      readonly state: string;
      readonly options: AgentAccessOptions;
      readonly log: AgentLog;
    },
  ) {
    this.#effects = effects;
    this.#state = parts.state;
    this.#options = parts.options;
    this.#passed = passedDescriptor(process.env, process.pid);
    this.#log = parts.log;
  }

  /** Under the lock, so that whoever listened there is gone. */
  async open(server: AgentServer, hasTokens: boolean): Promise<void> {
    const { socketMode, socketGroup, tcp } = this.#options;
    this.#server = server;
    const files = this.#effects.files;
    const gid = socketGroup === undefined ? undefined : await accountNumber(files, 'group', socketGroup);
    await this.#openSocket(server, socketMode);
    if (gid !== undefined) await giveToGroup(join(this.#state, 'agent.sock'), gid);
    await files.makeDirectory(join(this.#state, TOKEN_DIRECTORY), { mode: 0o711, parents: true });
    await removeStale(this.#effects, join(this.#state, TOKEN_SOCKET));
    if (hasTokens) await this.openTokenSocket();
    if (tcp !== undefined) await this.#openPort(server, tcp);
  }

  /** A second call does nothing. */
  openTokenSocket(): Promise<void> {
    this.#tokenSocket ??= this.#listen(TOKEN_SOCKET, { mode: TOKEN_SOCKET_MODE, door: 'token socket' });
    this.#tokenSocket.catch(() => {
      this.#tokenSocket = undefined;
    });
    return this.#tokenSocket;
  }

  /** No certificate is looked at any more. */
  close(): void {
    this.#closed.abort();
  }

  /** One that was passed to us belongs to the service manager: it is never removed, and holds clients while we are away. */
  async #openSocket(server: AgentServer, mode: number): Promise<void> {
    if (this.#passed === undefined) return this.#listen('agent.sock', { mode, door: 'socket' });
    const path = join(this.#state, 'agent.sock');
    await checkPassedSocket(this.#effects.files, this.#passed, path);
    await setSocketMode(path, mode);
    await server.listen({ fd: this.#passed }, 'socket');
  }

  async #listen(name: string, { mode, door }: { readonly mode: number; readonly door: Exclude<Door, 'tls'> }) {
    const path = join(this.#state, name);
    await removeStale(this.#effects, path);
    await withUmask(0o777 & ~mode, async () => this.#server?.listen(path, door));
  }

  async #openPort(server: AgentServer, place: AgentPort): Promise<void> {
    const port = await server.listenTls(place);
    this.#log.info({ host: place.host, port }, 'agent listens on TCP');
    const reload = this.#reloader(server);
    // The directories, because certificates are renamed into place, or a link above them is turned.
    const directories = new Set([place.certificate, place.key, place.clientAuthority].map(dirname));
    for (const directory of directories) this.#effects.files.watch(directory, reload, this.#closed.signal);
  }

  #reloader(server: AgentServer): () => void {
    let cancel: (() => void) | undefined;
    return () => {
      cancel?.();
      cancel = this.#effects.clock.after(SETTLE_MS, () => {
        server.reloadTls().then(
          () => this.#log.info({}, 'certificates were read again'),
          (error: unknown) => this.#log.warn({ err: error }, 'certificates cannot be used, those before stay'),
        );
      });
    };
  }
}

/** Sockets are made with the mode that the umask leaves; nothing else is made meanwhile. */
async function withUmask(umask: number, work: () => Promise<unknown>): Promise<void> {
  const before = process.umask(umask);
  try {
    await work();
  } finally {
    process.umask(before);
  }
}

/** Whoever listened there is gone: the lock is ours. */
async function removeStale(effects: Effects, path: string): Promise<void> {
  try {
    await effects.files.removeFile(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
