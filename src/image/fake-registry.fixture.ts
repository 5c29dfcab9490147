import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BuiltImage, buildImage } from './built-image.fixture.ts';
import { sha256Of } from './config-document.ts';

/** Answers a request itself and returns true, or leaves it to the registry. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A registry in this process that serves what it was given, and misbehaves when told to. */
export class FakeRegistry {
  readonly requests: { readonly path: string; readonly authorization: string | undefined }[] = [];
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
    this.requests.push({ path, authorization: request.headers.authorization });
    if (this.misbehave(request, response)) return;
    const found = this.#content.get(path);
    if (found === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      return;
    }
    response.writeHead(200, {
      'content-type': found.mediaType,
      'content-length': found.bytes.length,
      ...(path.includes('/manifests/') ? { 'docker-content-digest': sha256Of(found.bytes) } : {}),
    });
    response.end(found.bytes);
  }
}
