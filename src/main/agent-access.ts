import type { Socket } from 'node:net';
import { join } from 'node:path';
import { descriptorOf } from '../base/effects/socket-descriptor.ts';
import type { Effects, Files } from '../base/effects.ts';
import { Authenticator, type NumberedRule, type Peer } from '../faces/agent/access/authenticate.ts';
import { accessErrors } from '../faces/agent/access/errors.ts';
import type { GateOptions } from '../faces/agent/access/gate.ts';
import { Tokens } from '../faces/agent/access/tokens.ts';
import type { Worker } from '../linux/helper-worker.ts';
import type { GrantRule } from '../model/access.ts';
import { openAuditLog } from './audit-log.ts';

export interface AgentAccess extends GateOptions {
  readonly tokens: Tokens;
  /**
   * Under the lock, so that no other agent makes tokens any more: reads those that are kept. From then on the helper can
   * be asked who is at the other end of a socket.
   */
  begin(takeWorker: () => Promise<Worker>): Promise<void>;
}

/** Puts together who may use the agent of a root directory. */
export async function openAgentAccess(
  effects: Effects,
  options: {
    readonly root: string;
    readonly grants: readonly GrantRule[];
    readonly report: (what: string, error: unknown) => void;
  },
): Promise<AgentAccess> {
  const { root, grants, report } = options;
  const { files, clock, random } = effects;
  const tokens = new Tokens({ files, clock, random, path: join(root, 'tokens.json') });
  const audit = await openAuditLog(files, {
    path: join(root, 'audit.log'),
    report: (error) => report('the audit log could not be written', error),
  });
  const peers = new PeerSource();
  const authenticator = new Authenticator({
    tokens,
    certificates: grants.filter(({ to }) => to.kind === 'certificate'),
    accounts: await numberedRules(files, grants),
    ownUid: process.getuid?.() ?? 0,
    peerOf: (socket) => peers.peerOf(socket),
  });
  const begin = async (take: () => Promise<Worker>): Promise<void> => {
    peers.begin(take);
    const damage = await tokens.load();
    if (damage !== undefined) report('the file of tokens is damaged, so no token counts', damage);
  };
  return { tokens, authenticator, audit: (record) => audit.write(record), begin };
}

const ACCOUNTS = { user: '/etc/passwd', group: '/etc/group' } as const;

/** Names become numbers once, at the start. @throws {EngineError} `access.unknownAccount` */
async function numberedRules(files: Files, grants: readonly GrantRule[]): Promise<readonly NumberedRule[]> {
  const rules: NumberedRule[] = [];
  for (const { to, grant } of grants) {
    if (to.kind === 'certificate') continue;
    rules.push({ kind: to.kind, number: await accountNumber(files, to.kind, to.name), grant });
  }
  return rules;
}

/** @throws {EngineError} `access.unknownAccount` */
export async function accountNumber(files: Files, kind: 'user' | 'group', name: string): Promise<number> {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  const path = ACCOUNTS[kind];
  // name:password:number:… in both (passwd(5), group(5))
  const line = (await files.readText(path)).split('\n').find((entry) => entry.startsWith(`${name}:`));
  const number = line?.split(':')[2] ?? '';
  if (!/^\d{1,10}$/.test(number)) throw accessErrors.unknownAccount({ kind, name, path });
  return Number(number);
}

/** Asks the helper who is at the other end of sockets: over one worker, which is taken when it is first needed. */
class PeerSource {
  #take: (() => Promise<Worker>) | undefined;
  #worker: Promise<Worker> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  begin(take: () => Promise<Worker>): void {
    this.#take = take;
  }

  /** @throws {EngineError} `access.peerUnknown` (unavailable) */
  peerOf(socket: Socket): Promise<Peer> {
    // A worker answers one question after the other.
    const peer = this.#last.then(() => this.#ask(socket));
    this.#last = peer.catch(() => {});
    return peer;
  }

  async #ask(socket: Socket): Promise<Peer> {
    const lent = descriptorOf(socket);
    if (lent === undefined) throw accessErrors.peerUnknown({ reason: 'the connection is closed' });
    try {
      const peer = await (await this.#connected()).peerOf(lent.descriptor);
      // Closed meanwhile: the number may have been another connection's when the helper looked.
      if (!lent.isStill()) throw new Error('the connection was closed meanwhile');
      return peer;
    } catch (error) {
      throw accessErrors.peerUnknown({ reason: error instanceof Error ? error.message : String(error) }, error);
    }
  }

  async #connected(): Promise<Worker> {
    if (this.#take === undefined) throw new Error('the agent is only starting');
    if (this.#worker === undefined) {
      const taking = this.#take();
      this.#worker = taking;
      const forget = (): void => {
        if (this.#worker === taking) this.#worker = undefined;
      };
      taking.then((worker) => worker.closed.then(forget), forget);
    }
    return this.#worker;
  }
}
