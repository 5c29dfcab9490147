import type { Frame, HelperConnection } from '../../src/base/effects.ts';
import type { MessageName, MessageValues } from '../../src/model/wire.ts';
import { encodeMessage } from '../../src/model/wire-codec.ts';
import { systemError } from './fake-disk.ts';
import type { Scheduler } from './scheduler.ts';

/** The helper's side of a connection: what it does when a frame or the end arrives. */
export interface Peer {
  onFrame(frame: Frame): void;
  /** What holds in the moment in which the agent sends a frame, which arrives later. */
  onSent?(frame: Frame): void;
  onClose?(): void;
}

/** A connection whose two directions are queues; the scheduler decides when the head of each arrives. */
export class FakeConnection implements HelperConnection {
  readonly closed: Promise<void>;
  readonly #closed = Promise.withResolvers<void>();
  readonly #scheduler: Scheduler;
  readonly #isAgentAlive: () => boolean;
  readonly #toPeer: (Frame | 'close')[] = [];
  readonly #toAgent: (Frame | 'close')[] = [];
  readonly #inbox: Frame[] = [];
  #waiter: PromiseWithResolvers<Frame | undefined> | undefined;
  #peer: Peer | undefined;
  #isAgentOpen = true;
  #isPeerOpen = true;
  #isEnded = false;

  constructor(scheduler: Scheduler, isAgentAlive: () => boolean) {
    this.closed = this.#closed.promise;
    this.#scheduler = scheduler;
    this.#isAgentAlive = isAgentAlive;
  }

  set peer(peer: Peer) {
    this.#peer = peer;
  }

  // ── the agent's side ──
  async send(type: number, payload: Uint8Array = new Uint8Array(0)): Promise<void> {
    if (!this.#isAgentOpen || !this.#isPeerOpen) throw systemError('EPIPE', 'connection');
    this.#peer?.onSent?.({ type, payload });
    this.#push(this.#toPeer, { type, payload }, 'frame to helper', () => this.#deliverToPeer());
  }

  sendRaw(): Promise<void> {
    return Promise.reject(systemError('EOPNOTSUPP', 'raw bytes in the simulation'));
  }

  end(): void {
    this.close();
  }

  receive(signal?: AbortSignal): Promise<Frame | undefined> {
    const frame = this.#inbox.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    if (this.#isEnded || !this.#isAgentOpen) return Promise.resolve(undefined);
    const waiter = Promise.withResolvers<Frame | undefined>();
    this.#waiter = waiter;
    signal?.addEventListener('abort', () => waiter.reject(signal.reason), { once: true });
    return waiter.promise;
  }

  close(): void {
    if (!this.#isAgentOpen) return;
    this.#isAgentOpen = false;
    this.#push(this.#toPeer, 'close', 'end to helper', () => this.#deliverToPeer());
    this.#endForAgent();
  }

  // ── the helper's side ──
  sendMessage<Name extends MessageName>(name: Name, values: MessageValues<Name>): void {
    if (!this.#isPeerOpen) return;
    this.#push(this.#toAgent, encodeMessage(name, values), `${name} to agent`, () => this.#deliverToAgent());
  }

  closeFromPeer(): void {
    if (!this.#isPeerOpen) return;
    this.#isPeerOpen = false;
    this.#push(this.#toAgent, 'close', 'end to agent', () => this.#deliverToAgent());
  }

  #push(queue: (Frame | 'close')[], item: Frame | 'close', what: string, deliver: () => void): void {
    queue.push(item);
    this.#scheduler.post(what, deliver);
  }

  #deliverToPeer(): void {
    const item = this.#toPeer.shift();
    if (item === undefined || !this.#isPeerOpen) return;
    if (item === 'close') this.#peer?.onClose?.();
    else this.#peer?.onFrame(item);
  }

  #deliverToAgent(): void {
    const item = this.#toAgent.shift();
    if (item === undefined || !this.#isAgentOpen || !this.#isAgentAlive()) return;
    if (item === 'close') {
      this.#endForAgent();
      return;
    }
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter === undefined) this.#inbox.push(item);
    else waiter.resolve(item);
  }

  #endForAgent(): void {
    this.#isEnded = true;
    this.#waiter?.resolve(undefined);
    this.#waiter = undefined;
    this.#closed.resolve();
  }
}
