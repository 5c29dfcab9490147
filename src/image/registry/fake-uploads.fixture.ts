import type { IncomingMessage, ServerResponse } from 'node:http';
import { sha256Of } from '../config-document.ts';
import type { FakeRegistry } from '../fake-registry.fixture.ts';

/** Lets a {@link FakeRegistry} take pushes: sessions, pieces, mounts, manifests. */
export class FakeUploads {
  readonly sessions = new Map<string, Buffer>();
  /** Methods and paths without their queries, of what came. */
  readonly calls: string[] = [];
  /** Breaks the connection after so many bytes of the next body; kept bytes stay in the session. */
  breakAfter: number | undefined;
  /** Answers before anything else does; returns true when it has. */
  instead: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  mounts = false;
  knowsSubjects = true;
  readonly #registry: FakeRegistry;
  #next = 0;

  constructor(registry: FakeRegistry) {
    this.#registry = registry;
    registry.misbehave = (request, response) => this.#handle(request, response);
  }

  #handle(request: IncomingMessage, response: ServerResponse): boolean {
    const url = new URL(request.url ?? '', `http://${this.#registry.host}`);
    this.calls.push(`${request.method} ${url.pathname}`);
    if (this.instead(request, response)) return true;
    const upload = /^\/v2\/(.+)\/blobs\/uploads\/(.*)$/.exec(url.pathname);
    if (upload !== null)
      void this.#upload(request, response, { url, repository: upload[1] ?? '', id: upload[2] ?? '' });
    else if (request.method === 'PUT') void this.#manifest(request, response, url);
    else return false;
    return true;
  }

  async #upload(
    request: IncomingMessage,
    response: ServerResponse,
    at: { readonly url: URL; readonly repository: string; readonly id: string },
  ): Promise<void> {
    const { url, repository, id } = at;
    if (request.method === 'POST') return this.#open(response, url, repository);
    const held = this.sessions.get(id);
    if (held === undefined) return void response.writeHead(404).end();
    const place = { location: `/v2/${repository}/blobs/uploads/${id}` };
    if (request.method === 'GET') {
      response.writeHead(204, { ...place, range: `0-${Math.max(0, held.length - 1)}` }).end();
      return;
    }
    if (request.method === 'DELETE') {
      this.sessions.delete(id);
      response.writeHead(204).end();
      return;
    }
    const range = /^(\d+)-\d+$/.exec(String(request.headers['content-range'] ?? ''));
    if (range !== null && Number(range[1]) !== held.length) {
      response.writeHead(416, { ...place, range: `0-${Math.max(0, held.length - 1)}` }).end();
      return;
    }
    const whole = await this.#receive(request, id, held);
    if (whole === undefined) return;
    if (request.method === 'PATCH') {
      response.writeHead(202, { ...place, range: `0-${whole.length - 1}` }).end();
      return;
    }
    const digest = url.searchParams.get('digest') ?? '';
    if (sha256Of(whole) !== digest) {
      response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match"}]}');
      return;
    }
    this.sessions.delete(id);
    this.#registry.put(`/v2/${repository}/blobs/${digest}`, whole);
    response.writeHead(201, { 'docker-content-digest': digest, location: `/v2/${repository}/blobs/${digest}` }).end();
  }

  #open(response: ServerResponse, url: URL, repository: string): void {
    const [mount, from] = [url.searchParams.get('mount'), url.searchParams.get('from')];
    const there = this.#registry.contentOf(`/v2/${from}/blobs/${mount}`);
    if (this.mounts && mount !== null && there !== undefined) {
      this.#registry.put(`/v2/${repository}/blobs/${mount}`, there);
      response.writeHead(201, { 'docker-content-digest': mount }).end();
      return;
    }
    const id = `u${this.#next++}`;
    this.sessions.set(id, Buffer.alloc(0));
    response.writeHead(202, { location: `/v2/${repository}/blobs/uploads/${id}`, range: '0-0' }).end();
  }

  /** @returns all that the session holds now; `undefined` when the connection was broken */
  async #receive(request: IncomingMessage, id: string, held: Buffer): Promise<Buffer | undefined> {
    let whole = held;
    for await (const chunk of request) {
      whole = Buffer.concat([whole, chunk as Buffer]);
      const most = this.breakAfter;
      if (most === undefined || whole.length - held.length < most) continue;
      this.breakAfter = undefined;
      this.sessions.set(id, whole.subarray(0, held.length + most));
      request.destroy();
      return undefined;
    }
    this.sessions.set(id, whole);
    return whole;
  }

  async #manifest(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const digest = sha256Of(bytes);
    const mediaType = request.headers['content-type'] ?? '';
    this.#registry.put(url.pathname, bytes, mediaType);
    this.#registry.put(url.pathname.replace(/[^/]+$/, digest), bytes, mediaType);
    const { subject } = JSON.parse(bytes.toString('utf8')) as { readonly subject?: { readonly digest: string } };
    response.writeHead(201, {
      'docker-content-digest': digest,
      ...(subject !== undefined && this.knowsSubjects && { 'oci-subject': subject.digest }),
    });
    response.end();
  }
}
