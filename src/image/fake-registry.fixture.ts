import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BuiltImage, buildImage } from './built-image.fixture.ts';
import { sha256Of } from './config-document.ts';

/** Answers a request itself and returns true, or leaves it to the registry. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A registry in this process that serves what it was given, and misbehaves when told to. */
export class FakeRegistry {
  readonly requests: {
    readonly method: string;
    readonly path: string;
    readonly authorization: string | undefined;
    readonly range: string | undefined;
  }[] = [];
  /** Bytes of bodies that were given to clients. */
  servedBytes = 0;
  misbehave: Misbehaviour = () => false;
  readonly #server: Server;
  readonly #content = new Map<string, { readonly bytes: Buffer; readonly mediaType: string }>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FakeRegistry> {
    const server = createServer((request, response) => registry.#answer(request, response));
    const registry = new FakeRegistry(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Serves an image under `repository:tag`. */
  push(repository: string, tag: string, image: BuiltImage = buildImage([])): void {
    const { manifest, config, layers } = image;
    this.put(`/v2/${repository}/manifests/${tag}`, manifest.bytes, manifest.mediaType);
    this.put(`/v2/${repository}/manifests/${manifest.digest}`, manifest.bytes, manifest.mediaType);
    for (const { digest, bytes } of [config, ...layers]) this.put(`/v2/${repository}/blobs/${digest}`, bytes);
  }

  put(path: string, bytes: Buffer, mediaType = 'application/octet-stream'): void {
    this.#content.set(path, { bytes, mediaType });
  }

  countOf(fragment: string): number {
    return this.requests.filter(({ path }) => path.includes(fragment)).length;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    const { authorization, range } = request.headers;
    this.requests.push({ method: request.method ?? '', path, authorization, range });
    if (this.misbehave(request, response)) return;
    const found = this.#content.get(path);
    if (found === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      return;
    }
    this.serve(request, response, found.bytes, {
      'content-type': found.mediaType,
      ...(path.includes('/manifests/') ? { 'docker-content-digest': sha256Of(found.bytes) } : {}),
    });
  }

  openConnections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  }

  /** What lies at a path. */
  contentOf(path: string): Buffer | undefined {
    return this.#content.get(path)?.bytes;
  }

  /** Where a request wants its answer to begin. */
  startOf(request: IncomingMessage): number {
    return Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  }

  /** Answers with bytes, or with what of them a Range header asks for. */
  serve(request: IncomingMessage, response: ServerResponse, bytes: Buffer, headers: OutgoingHttpHeaders): void {
    const start = this.startOf(request);
    const part = bytes.subarray(start);
    const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(start > 0 ? 206 : 200, {
      ...{ ...headers, 'content-length': part.length },
      ...(start > 0 && range),
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    this.servedBytes += part.length;
    response.end(part);
  }
}
