import type { RequestListener, ServerOptions } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Files } from '../../../base/effects.ts';

/** Where what TLS needs is kept, in PEM. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** Authorities whose client certificates count. */
  readonly clientAuthority: string;
}

interface TlsMaterial {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  readonly ca: Uint8Array;
}

const HANDSHAKE_MS = 10_000;

/** Nothing older than TLS 1.2, whose remaining cipher suites Node orders. */
const PROTOCOL = { minVersion: 'TLSv1.2' } as const;

/** A server that speaks to clients with a certificate of our authorities alone. */
export async function createTlsServer(
  files: Files,
  places: TlsFiles,
  http: { readonly options: ServerOptions; readonly listener: RequestListener },
): Promise<Server> {
  const material = await readMaterial(files, places);
  const tls = { ...PROTOCOL, requestCert: true, rejectUnauthorized: true, handshakeTimeout: HANDSHAKE_MS };
  const server = createServer({ ...http.options, ...tls, ...asOptions(material) }, http.listener);
  return server;
}

/** Reads the files again; connections from now on are made with them. @throws when they do not fit: all is as before */
export async function reloadTls(server: Server, files: Files, places: TlsFiles): Promise<void> {
  server.setSecureContext({ ...PROTOCOL, ...asOptions(await readMaterial(files, places)) });
}

async function readMaterial(files: Files, places: TlsFiles): Promise<TlsMaterial> {
  const [cert, key, ca] = await Promise.all([
    files.readBytes(places.certificate),
    files.readBytes(places.key),
    files.readBytes(places.clientAuthority),
  ]);
  return { cert, key, ca };
}

function asOptions({ cert, key, ca }: TlsMaterial) {
  return { cert: Buffer.from(cert), key: Buffer.from(key), ca: Buffer.from(ca) };
}
