import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FakeRegistry } from '../fake-registry.fixture.ts';

/** Numbers that a seed decides (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export type Mischief =
  | 'break'
  | 'break before an answer'
  | 'pause'
  | 'wrong byte'
  | 'too short'
  | 'too long'
  | 'no ranges'
  | 'wrong range'
  | 'busy'
  | 'failing'
  | 'token'
  | 'redirect'
  | 'refuse';

/** What only delays a pull: it must end well. */
export const HARMLESS: readonly Mischief[] = [
  ...(['break', 'break before an answer', 'pause', 'no ranges', 'busy', 'failing', 'token', 'redirect'] as const),
];
/** What no client can mend, when it happens at every attempt. */
export const HARMFUL: readonly Mischief[] = ['wrong byte', 'too short', 'too long', 'wrong range', 'refuse'];

const PAUSE_MS = 30;

/** Makes a registry misbehave at points that a seed chooses: a few times only, so that a client which persists gets there. */
export class Misbehaving {
  readonly done: Mischief[] = [];
  readonly #registry: FakeRegistry;
  readonly #next: (below: number) => number;
  readonly #kinds: readonly Mischief[];
  readonly #elsewhere: Server;
  #left: number;
  #token = 'none yet';
  #issued = 0;

  private constructor(registry: FakeRegistry, elsewhere: Server, plan: { seed: number; kinds: readonly Mischief[] }) {
    this.#registry = registry;
    this.#elsewhere = elsewhere;
    this.#next = seeded(plan.seed);
    this.#kinds = plan.kinds;
    this.#left = 1 + this.#next(4);
  }

  static async start(
    registry: FakeRegistry,
    plan: { readonly seed: number; readonly kinds: readonly Mischief[] },
  ): Promise<Misbehaving> {
    const elsewhere = createServer((request, response) => {
      const path = (request.url ?? '').replace(/^\/elsewhere/, '');
      registry.serve(request, response, registry.contentOf(path) ?? Buffer.alloc(0), {});
    });
    elsewhere.listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    const misbehaving = new Misbehaving(registry, elsewhere, plan);
    registry.misbehave = (request, response) => misbehaving.#handle(request, response);
    return misbehaving;
  }

  /** A second call does nothing. */
  async stop(): Promise<void> {
    if (!this.#elsewhere.listening) return;
    this.#registry.misbehave = () => false;
    this.#elsewhere.closeAllConnections();
    this.#elsewhere.close();
    await once(this.#elsewhere, 'close');
  }

  #handle(request: IncomingMessage, response: ServerResponse): boolean {
    const path = request.url ?? '';
    if (path.startsWith('/token')) {
      this.#token = `t${++this.#issued}`;
      response.end(JSON.stringify({ token: this.#token }));
      return true;
    }
    if (this.#left === 0 || this.#next(3) > 0) return false;
    const kind = this.#kinds[this.#next(this.#kinds.length)] as Mischief;
    if (!this.#apply(kind, request, response)) return false;
    this.done.push(kind);
    this.#left -= 1;
    return true;
  }

  #apply(kind: Mischief, request: IncomingMessage, response: ServerResponse): boolean {
    const bytes = this.#registry.contentOf(request.url ?? '');
    if (bytes === undefined) return false;
    const start = this.#registry.startOf(request);
    const isBlob = (request.url ?? '').includes('/blobs/');
    switch (kind) {
      case 'break before an answer':
        response.destroy();
        return true;
      case 'busy':
        response.writeHead(429, { 'retry-after': '0' }).end();
        return true;
      case 'failing':
        response.writeHead(503).end('one moment');
        return true;
      case 'refuse':
        response.writeHead(403).end('{"errors":[{"message":"denied"}]}');
        return true;
      case 'redirect':
        response.writeHead(307, { location: `http://${this.#elsewhereHost()}/elsewhere${request.url}` }).end();
        return true;
      case 'token':
        if (request.headers.authorization === `Bearer ${this.#token}`) return false;
        response.writeHead(401, {
          'www-authenticate': `Bearer realm="http://${this.#registry.host}/token",service="s"`,
        });
        response.end();
        return true;
      default:
        return isBlob && this.#blob(kind, { response, bytes, start });
    }
  }

  #blob(
    kind: Mischief,
    { response, bytes, start }: { readonly response: ServerResponse; readonly bytes: Buffer; readonly start: number },
  ): boolean {
    const part = bytes.subarray(start);
    const at = this.#next(part.length || 1);
    const head = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    const status = start > 0 ? 206 : 200;
    switch (kind) {
      case 'break':
        response.writeHead(status, { 'content-length': part.length, ...(start > 0 && head) });
        this.#registry.servedBytes += at;
        response.write(part.subarray(0, at), () => response.destroy());
        return true;
      case 'pause':
        response.writeHead(status, { 'content-length': part.length, ...(start > 0 && head) });
        this.#registry.servedBytes += part.length;
        response.write(part.subarray(0, at));
        setTimeout(() => response.end(part.subarray(at)), PAUSE_MS);
        return true;
      case 'wrong byte': {
        const wrong = Buffer.from(part);
        if (wrong.length === 0) return false;
        wrong[at] = (wrong[at] ?? 0) ^ 0x40;
        response.writeHead(status, { 'content-length': wrong.length, ...(start > 0 && head) });
        response.end(wrong);
        return true;
      }
      case 'too short':
        response.writeHead(status, { 'content-length': at, ...(start > 0 && head) });
        response.end(part.subarray(0, at));
        return true;
      case 'too long':
        response.writeHead(status, { ...(start > 0 && head) });
        response.end(Buffer.concat([part, Buffer.from('more')]));
        return true;
      case 'no ranges':
        this.#registry.servedBytes += bytes.length;
        response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
        return true;
      case 'wrong range':
        if (start === 0) return false;
        response.writeHead(206, { 'content-range': `bytes ${start + 1}-${bytes.length - 1}/${bytes.length}` });
        response.end(bytes.subarray(start + 1));
        return true;
      default:
        return false;
    }
  }

  #elsewhereHost(): string {
    return `127.0.0.1:${(this.#elsewhere.address() as AddressInfo).port}`;
  }
}
