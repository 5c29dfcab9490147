import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import type { Files } from '../../base/effects.ts';
import { systemErrorCode } from '../../model/error.ts';
import { hostSettingsErrors, type TlsSettings } from './host-settings.ts';

/** Where distributions keep the authorities of the machine, in one file (Debian, Fedora, SUSE, Alpine). */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** What a connection to a host needs to know of certificates. */
export interface TlsMaterial {
  /** For the host itself: its authorities, and our certificate. */
  readonly own: SecureContext;
  /** For where it redirects: its authorities, but never our certificate. */
  readonly elsewhere: SecureContext;
  readonly isVerified: boolean;
}

/** Certificates as connections use them; the machine's own authorities are read once. */
export class CertificateStore {
  readonly #files: Files;
  readonly #bundle: string | undefined;
  #authorities: Promise<readonly string[]> | undefined;
  #ordinary: Promise<SecureContext> | undefined;

  /** @param bundle a file that replaces the machine's, as SSL_CERT_FILE names it */
  constructor(files: Files, bundle: string | undefined) {
    this.#files = files;
    this.#bundle = bundle;
  }

  /** @throws {EngineError} `registry-hosts.unreadable`, `registry-hosts.malformed` */
  async material(settings: TlsSettings): Promise<TlsMaterial> {
    const { authorityPaths, clientPaths, isVerified } = settings;
    if (authorityPaths.length === 0 && clientPaths.length === 0) {
      this.#ordinary ??= this.#trusted().then((ca) => createSecureContext({ ca: [...ca] }));
      const own = await this.#ordinary;
      return { own, elsewhere: own, isVerified };
    }
    const given = await Promise.all(authorityPaths.map((path) => this.#read(path)));
    const ca = [...(await this.#trusted()), ...given];
    const cert = await Promise.all(clientPaths.map(({ certificate }) => this.#read(certificate)));
    const key = await Promise.all(clientPaths.map(({ key: path }) => this.#read(path)));
    const path = [...authorityPaths, ...clientPaths.map(({ certificate }) => certificate)].join(', ');
    const elsewhere = contextOf({ ca }, path);
    return { own: cert.length === 0 ? elsewhere : contextOf({ ca, cert, key }, path), elsewhere, isVerified };
  }

  #trusted(): Promise<readonly string[]> {
    this.#authorities ??= this.#readSystem().then((system) => [...getCACertificates('default'), ...system]);
    return this.#authorities;
  }

  async #readSystem(): Promise<readonly string[]> {
    if (this.#bundle !== undefined) return [await this.#read(this.#bundle)];
    for (const path of SYSTEM_BUNDLES) {
      if (await this.#files.exists(path)) return [await this.#read(path)];
    }
    return [];
  }

  async #read(path: string): Promise<string> {
    try {
      return await this.#files.readText(path);
    } catch (error) {
      const reason = systemErrorCode(error);
      if (reason === undefined) throw error;
      throw hostSettingsErrors.unreadable({ path, reason }, error);
    }
  }
}

function contextOf(options: { ca: string[]; cert?: string[]; key?: string[] }, path: string): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    throw hostSettingsErrors.malformed(
      { path, reason: `not a certificate with its key: ${(error as Error).message}` },
      error,
    );
  }
}
